"""``surgvqa-build``: annotated surgical video in, a question-answering data set out.

The verb is a source, for instance ``surgvqa-build cataract1k --root Cataract-1K --out dataset``, or one of
``probe`` (what is wrong with my videos?) and ``verify`` (is the data set still as it was written?). ``--source FILE`` in the
place of the verb is a source of your own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from surgvqa.builders import sources
from surgvqa.builders.pipeline import source_options
from surgvqa.builders.settings.build import Build
from surgvqa.builders.settings.frames import Frames
from surgvqa.builders.settings.instruct import Instruct
from surgvqa.builders.settings.interchange import Export, Import
from surgvqa.builders.settings.labels import Labels
from surgvqa.builders.settings.mix import Mix
from surgvqa.builders.settings.spoken import SpokenQuestions
from surgvqa.builders.verbs import (
    build,
    frames,
    inspect,
    instruct,
    interchange,
    labels,
    list_sources,
    mix,
    new,
    probe,
    spoken,
    verify,
)
from surgvqa.cards.arguments import parser as parsers
from surgvqa.cards.arguments.option import Verb
from surgvqa.cards.command import InputError

PROG = "surgvqa-build"


def verbs() -> tuple[Verb, ...]:
    """All verbs: a build of each source, then the others."""
    return (
        *(
            Verb(
                name=source,
                config=Build,
                run=build.run,
                help=source_options.about(source),
                fixed_fields={"source": source},
                more=partial(source_options.options, source),
            )
            for source in sources.names()
        ),
        Verb(name="sources", config=list_sources.Sources, run=list_sources.run),
        Verb(name="probe", config=probe.Probe, run=probe.run),
        Verb(name="inspect", config=inspect.Inspect, run=inspect.run),
        Verb(name="verify", config=verify.Verify, run=verify.run),
        Verb(name="instruct", config=Instruct, run=instruct.run),
        Verb(name="import", config=Import, run=interchange.import_file),
        Verb(name="export", config=Export, run=interchange.export),
        Verb(name="mix", config=Mix, run=mix.run),
        Verb(name="new", config=new.New, run=new.run),
        Verb(name="frames", config=Frames, run=frames.run),
        Verb(name="labels", config=Labels, run=labels.run),
        Verb(name="spoken", config=SpokenQuestions, run=spoken.run),
    )


def parser(source: str | None = None) -> parsers.Parser:
    """Return the command line; light, so that ``--help`` answers at once. Only source ``source`` gets its own options."""
    return parsers.parser_of(PROG, __doc__, verbs(), source)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--source"] and len(words) > 1:
        try:
            words[:2] = [sources.add(Path(words[1]))]
        except InputError as error:
            print(f"{PROG}: {error}", file=sys.stderr)
            return 2
    return parsers.run(PROG, __doc__, verbs(), words)


if __name__ == "__main__":
    sys.exit(main())
