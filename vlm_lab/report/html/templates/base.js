"use strict";
// What every page's scripts share: its data, its words, and nodes.
// Everything from outside becomes text nodes: nothing here ever parses it as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const translate = (text, ...values) =>
  values.reduce((sentence, value) => sentence.replace("%s", () => value), data.labels[text] ?? text);
const byId = (id) => document.getElementById(id);
const MAX_SHOWN_LENGTH = 400;
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/g;
const SURROGATE_PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;

// What cannot be seen is spelled out, so that no text can hide or turn round another.
function escapeInvisible(text) {
  const spellCharacter = (character) =>
    `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  const pairs = text.match(SURROGATE_PAIRS) ?? [];
  const parts = text.split(SURROGATE_PAIRS).map((part) => part.replace(INVISIBLE, spellCharacter));
  return parts.reduce((escaped, part, index) => escaped + pairs[index - 1] + part);
}

function createNode(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// A long value is shown by its beginning; `load` brings all of it where the page has no more.
function createValueNode(value, length, load) {
  if (value === null || value === undefined) return createDetailNode(translate("nothing"));
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const wholeLength = length ?? text.length;
  if (wholeLength <= MAX_SHOWN_LENGTH) return createNode("bdi", { class: "value" }, escapeInvisible(text));
  const node = createNode("bdi", { class: "value" }, `${escapeInvisible(text.slice(0, MAX_SHOWN_LENGTH))}… `);
  const button = createNode("button", { type: "button" }, translate("show all %s characters", wholeLength));
  button.onclick = async () => {
    const whole = length === undefined ? text : await load();
    node.replaceChildren(createNode("pre", { tabindex: "0" }, escapeInvisible(whole)));
  };
  node.append(button);
  return node;
}

const createDetailNode = (text) => createNode("span", { class: "detail" }, text);
