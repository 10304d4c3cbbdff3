"""The palette, and how one reads the console."""

from django.urls import path

from tessera.console.views import palette, preferences, styleguide

urlpatterns = [
    path("palette", palette.palette, name="palette"),
    path("settings", preferences.preferences, name="preferences"),
    path("styleguide", styleguide.styleguide, name="styleguide"),
]
