"""Dictionaries: what they are, how they are trained, and how they are stored.

A dictionary has a kind, which says whose rows it encodes, and a recipe of that kind (`recipes.py`):

    kind        class       trains on               recipes
    one-tower   SAE         rows (n, d)             relu, topk, batch_topk, jumprelu, matryoshka
    two-tower   TwoTowers   pairs (n, 2, d)         vl_sae, sae_s, sae_d, and ablations of VL-SAE
    paired      Paired      pairs (n, members, d)   paired_topk, paired_batch_topk, paired_matryoshka, gsae, mgsae, ...

A selection of active latents is a class of its own, which one-tower and paired dictionaries combine with their kind.

One training step of TopK takes six files. Read them in this order:

1. `config.py`: the settings.
2. `training/train.py`: `TrainingRun.advance` is the step; this file also has the learning rate and the history. The
rows, their scale and the order of batches are in `training/training_rows.py`.
3. `models/topk.py`: the loss, and AuxK for dead latents; `selection.py` selects the latents.
4. `base.py`: the encoder, the decoder, and the unit norm of its rows.
5. `sparse.py`: the products that touch only the selected entries, and their gradients.

Seeds of one recipe make their steps together (`training/stacked_run.py`): the parameters then hold several dictionaries
one after the other, and `stacked` is their number; with one training it is 1.

You can skip the other calls at first: functions of `parallel.py` return their argument when one process trains
alone; `recipes.py` and `geometric_median.py` are needed only before the first step, `training/checkpoint.py` and
`storage.py` only after the last. `tests/sae/reference.py` has the same losses as plain dense products.
"""
