"""Commands for encoders and dictionaries: embed, train, read and write other formats, score on benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lib.run.options import Jobs, ProfileName, Ray, Settings, named, path


def embed(profile: ProfileName = "scenes", setting: Settings = None, jobs: Jobs = 1, ray: Ray = None) -> None:
    """Embed every split of a profile's world, judges included, unless the cache has it.

    Example: python -m lib embed --profile photos
    """
    from lib.apps.given import given_profile
    from lib.base.workers import Workers

    settings, workers = given_profile(profile, setting), Workers(jobs, ray)
    from lib.apps.embed_world import embed_world

    for line in embed_world(settings, workers):
        typer.echo(line)


def train(
    profile: ProfileName = "scenes",
    recipe: Annotated[list[str], typer.Option(help="A name of lib/sae/recipes.py.")] = ["topk"],  # noqa: B006
    expansion: Annotated[list[int], typer.Option(min=1, help="Latents per dimension.")] = [4],  # noqa: B006
    k: Annotated[list[int], typer.Option(min=1, help="Active latents per image.")] = [8],  # noqa: B006
    l1: Annotated[float, typer.Option(min=0, help="Weight of the L1 term (relu).")] = 0.1,
    seed: Annotated[list[int], typer.Option(min=0, help="Seed of weights and data order.")] = [0],  # noqa: B006
    setting: Settings = None,
    jobs: Jobs = 1,
    ray: Ray = None,
) -> None:
    """Train dictionaries on a profile's images, or pairs, and measure them on unseen ones. A killed run continues.

    Options given several times make a sweep: every combination is trained. Under torchrun, all processes train each
    dictionary of images together. The profile sets the steps: sae.steps for images, pairs.steps for pairs.

    Example: python -m lib train --recipe topk --recipe batch_topk --expansion 4 --k 8
    """
    from itertools import product

    from lib.apps.given import given_profile
    from lib.base.workers import Workers
    from lib.sae.config import ONE_TOWER, check_recipe

    for name in recipe:
        check_recipe(name)
    settings, workers = given_profile(profile, setting), Workers(jobs, ray)
    from lib.apps.pair_recipes import PairRecipe
    from lib.apps.train_dictionaries import train_dictionaries
    from lib.papers.common.dictionaries import Recipe

    wanted = product(recipe, expansion, k)
    recipes = [Recipe(*one, l1) if one[0] in ONE_TOWER else PairRecipe(*one) for one in wanted]
    for line in train_dictionaries(settings, recipes, seed, workers):
        typer.echo(line)


def import_(
    source: Annotated[
        Path, typer.Argument(parser=path, metavar="SOURCE", help="A folder of SAELens 6, or a published checkpoint.")
    ],
    folder: Annotated[
        Path, typer.Argument(parser=path, metavar="FOLDER", help="Where to write it, for `load_sae` and `export`.")
    ],
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="Hash of a checkpoint, from its page: at least 8 digits.")
    ] = None,
) -> None:
    """Read a dictionary of SAELens, sae-for-vlm or VL-SAE and write it in the companion's format.

    Example: python -m lib import ae_100000.pt dictionaries/clip-l --sha256 1f3a5b7c
    """
    from lib.apps.given import check_dictionary, check_target_folder

    check_dictionary(source, sha256)
    check_target_folder(folder)
    from lib.apps.dictionary_files import import_dictionary

    typer.echo(import_dictionary(source, folder, sha256))


def export(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=path, metavar="FOLDER", help="Has sae.safetensors: written by `import`, or one of .cache/sae."
        ),
    ],
    target: Annotated[
        Path, typer.Argument(parser=path, metavar="TARGET", help="Where to write it, for SAE.load_from_disk.")
    ],
) -> None:
    """Write a dictionary as a folder of SAELens 6.

    Example: python -m lib export dictionaries/clip-l clip-l-saelens
    """
    from lib.apps.given import check_exists, check_target_folder

    check_exists(folder, "give the folder of a dictionary, with sae.safetensors in it")
    check_target_folder(target)
    from lib.apps.dictionary_files import export_dictionary

    typer.echo(export_dictionary(folder, target))


def score(
    protocol: Annotated[str, typer.Argument(help="A name of docs/scores.md, such as coco-karpathy or zero-shot.")],
    path: Annotated[
        Path, typer.Argument(parser=path, help="The benchmark's folder or file, laid out as docs/scores.md says.")
    ],
    answers: Annotated[
        Path | None, typer.Option(parser=path, metavar="FILE", help="JSON lines with image and answer (pope, chair).")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            parser=named, metavar="MODEL", help="A model such as 'ViT-B-32 openai'; by default the profile's."
        ),
    ] = None,
    profile: ProfileName = "scenes",
    setting: Settings = None,
) -> None:
    """Score an encoder, or the answers of a multimodal LLM, on a published benchmark.

    Examples: python -m lib score coco-karpathy coco --encoder "ViT-B-32 openai"

    python -m lib score pope coco_pope_random.json --answers answers.jsonl
    """
    from lib.apps.given import check_exists, check_protocol, given_profile

    check_protocol(protocol, answers)
    check_exists(path, "docs/scores.md says what it must contain")
    settings = given_profile(profile, setting)
    from lib.apps.score_protocols import score_protocol

    table = score_protocol(protocol, path, settings, encoder, answers)
    typer.echo(table.to_string(index=False, float_format="%.1f"))


def ask(
    model: Annotated[str, typer.Argument(help="A LLaVA or Qwen2-VL: a folder, or hf-hub:ORGANISATION/NAME.")],
    questions: Annotated[
        Path, typer.Argument(parser=path, help="JSON lines with image and text, such as a file of POPE.")
    ],
    pictures: Annotated[Path, typer.Argument(parser=path, help="The folder of the pictures, such as COCO's val2014.")],
    answers: Annotated[Path, typer.Argument(parser=path, help="Where to write the answers, for `score`.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Ask a multimodal LLM questions about pictures, and write its answers.

    Example: python -m lib ask hf-hub:Qwen/Qwen2-VL-2B-Instruct coco_pope_random.json val2014 answers.jsonl
    """
    from lib.apps.given import check_exists, check_target_file

    check_exists(questions, "give the file of questions, such as one of POPE's")
    check_exists(pictures, "give the folder of their pictures")
    check_target_file(answers)
    from lib.apps.ask_llm import ask_llm

    typer.echo(ask_llm(model, questions, pictures, answers, device))
