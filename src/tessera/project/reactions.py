"""What reacts to events, as one list: whoever acts on events in any process of ours has registered it."""

from typing import Final

from tessera.intake.reactions import Reaction, use_reactions
from tessera.profiles.reaction import RelationReaction

REACTIONS: Final[tuple[Reaction, ...]] = (RelationReaction(),)


def register() -> None:
    """Make them known to intake. The settings do it for every process with Django, the worker for itself."""
    use_reactions(REACTIONS)
