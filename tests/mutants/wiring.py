"""Defects of loading, of registration and of the recipe."""

from __future__ import annotations

from mutants.mutant import (
    POSITIONS,
    config,
    loader,
    models,
    mutant,
    policy,
    recipe,
    settings,
)

_SIZES = "if value is not None and value != getattr(config, key):"

MUTANTS = (
    mutant(
        "model type misspelt",
        "The type is registered under another name than recipes use.",
        config(
            'SupportedModel.register("foo", force=True)',
            'SupportedModel.register("fooo", force=True)',
        ),
    ),
    mutant(
        "builder of another model",
        "The type builds OpenVLA.",
        models(
            "        SupportedModel.FOO.value,\n        _build_foo,",
            "        SupportedModel.FOO.value,\n        _build_openvla,",
        ),
    ),
    mutant(
        "not registered",
        "No builder is known for the type.",
        models(
            "        SupportedModel.FOO.value,\n",
            "        SupportedModel.MLP_POLICY.value,\n",
        ),
    ),
    mutant(
        "category other than embodied",
        "RLinf does not take the model for a policy.",
        config("        SupportedModel.FOO,\n", ""),
        models(
            '        _build_foo,\n        category="embodied",',
            '        _build_foo,\n        category="reasoning",',
        ),
    ),
    mutant(
        "layer class misspelt",
        "The recipe wraps a class that the base does not have.",
        recipe('- "LlamaDecoderLayer"', '- "LlamaDecoderLayers"'),
    ),
    mutant(
        "precision misspelt",
        "The settings ask for a dtype that RLinf does not know.",
        settings('precision: "bf16"', 'precision: "brain16"'),
    ),
    mutant(
        "dtype lost",
        "The loader leaves weights in the dtype of the checkpoint.",
        loader("        torch_dtype=torch_dtype,\n", ""),
    ),
    mutant(
        "sizes not compared",
        "A hidden_size or vocab_size that is not the checkpoint's is accepted.",
        policy(_SIZES, "if False:"),
    ),
    mutant(
        "sizes eaten by transformers",
        "Without config, sizes overwrite those of the checkpoint.",
        policy('if kwargs.get("config") is None:', "if False:"),
    ),
    mutant(
        "attention implementation not passed on",
        "The loader leaves it to transformers how attention is computed.",
        loader("        attn_implementation=cfg.attn_implementation,\n", ""),
    ),
    mutant(
        "settings not passed on",
        "Prompts have the default's length instead of the settings'.",
        loader("        max_prompt_length=cfg.max_prompt_length,\n", ""),
    ),
    mutant(
        "missing weights accepted",
        "A checkpoint that lacks a layer is loaded with random weights.",
        policy("        if absent:\n", "        if False:\n"),
    ),
    mutant(
        "statistics not read",
        "Actions cannot be un-normalized.",
        policy("    if os.path.isfile(statistics_path):", "    if False:"),
    ),
    mutant(
        "tied weights broken",
        "The language head is a copy of the embeddings that it should share.",
        policy(
            "        weight = model.get_input_embeddings().weight\n",
            "        head = model.get_output_embeddings()\n"
            "        head.weight = torch.nn.Parameter(head.weight.detach().clone())\n"
            "        weight = model.get_input_embeddings().weight\n",
        ),
        of=POSITIONS,
    ),
    mutant(
        "state under a prefix",
        "Weights have names that no fresh model knows.",
        policy(
            "    @property\n    def num_action_tokens(self)",
            "    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:\n"
            "        state = super().state_dict(*args, **kwargs)\n"
            '        return {f"policy.{name}": it for name, it in state.items()}\n\n'
            "    @property\n    def num_action_tokens(self)",
        ),
    ),
    mutant(
        "LoRA on the language head alone",
        "Targets name none of the layers' parts.",
        models(
            '    *("proj", "qkv", "fc1", "fc2"),\n',
            "",
        ),
        models('    *("q_proj", "k_proj", "v_proj", "o_proj"),\n', ""),
        models(
            '    *("gate_proj", "up_proj", "down_proj", "lm_head"),\n',
            '    "lm_head",\n',
        ),
        settings("is_lora: False", "is_lora: True"),
    ),
    mutant(
        "LoRA in the value head",
        "Adapters are put into the head too, which is trained whole.",
        models(
            "    # vision tower\n",
            '    *("mlp.0", "mlp.2", "mlp.4"),\n    # vision tower\n',
        ),
    ),
)
