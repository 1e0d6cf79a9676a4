"""What config.json has."""

from transformers import PretrainedConfig


class StandInConfig(PretrainedConfig):
    model_type = "phi3_v"

    def __init__(
        self,
        vocab_size: int = 300,
        hidden_size: int = 32,
        max_position_embeddings: int = 4096,
        **kwargs,
    ):
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.num_hidden_layers, self.num_attention_heads = 1, 4
        self.max_position_embeddings = max_position_embeddings
        super().__init__(**kwargs)
