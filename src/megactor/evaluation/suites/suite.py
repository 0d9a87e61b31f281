"""What the evaluation asks of a test set."""

from typing import Any, Protocol

from megactor.evaluation.case import Case, CaseId
from megactor.faces.analyzer import FaceAnalyzer


class Suite(Protocol):
    """A fixed list of cases, each made when it is needed, in any process: a suite is small and can be pickled."""

    def cases(self) -> list[CaseId]:
        """All cases in order; the first N are a fair sample.

        Raises:
            InputError: the suite's files cannot be used.
        """
        ...

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """Makes one case.

        Raises:
            InputError: its files cannot be used.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """What its cases depend on, for JSON: folders of other settings are not gone on with."""
        ...
