"""What is typed about a segment besides its condition."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tessera.audience.segments.records import Segment
from tessera.console.segments.words import EVERY


class TagsField(forms.CharField):
    """Words between commas."""

    def clean(self, value: Any) -> tuple[str, ...]:
        text = str(super().clean(value) or "")
        tags = tuple(dict.fromkeys(tag for part in text.split(",") if (tag := " ".join(part.split()))))
        if len(tags) > 20 or any(len(tag) > 60 for tag in tags):
            raise forms.ValidationError(_("At most 20 tags, each of at most 60 characters."))
        return tags


class AboutForm(forms.Form):
    """Name, folder, tags, description."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    folder = forms.CharField(
        label=_("Folder"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "folders"}),
    )
    tags = TagsField(
        label=_("Tags, between commas"),
        max_length=1300,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def about(self) -> dict[str, Any]:
        """The fields of `NewSegment` and `SegmentChange`."""
        return {name: self.cleaned_data[name] for name in ("name", "folder", "tags", "description")}


class DynamicForm(AboutForm):
    """With how fresh its members are kept."""

    keep_fresh = forms.BooleanField(label=_("Keep fresh"), required=False)
    every_minutes = forms.ChoiceField(label=_("Evaluate the whole"), choices=list(EVERY.items()), required=False)

    def freshness(self) -> dict[str, Any]:
        every = self.cleaned_data["every_minutes"]
        return {
            "keep_fresh": self.cleaned_data["keep_fresh"],
            "every_minutes": int(every) if every and self.cleaned_data["keep_fresh"] else None,
        }


def initial_of(segment: Segment) -> dict[str, Any]:
    """A segment as its form begins."""
    return {
        "name": segment.name,
        "folder": segment.folder,
        "tags": ", ".join(segment.tags),
        "description": segment.description,
        "keep_fresh": segment.freshness == "kept",
        "every_minutes": str(segment.every_minutes or ""),
    }
