"""The first page."""

from django.urls import path

from tessera.console.views import home

urlpatterns = [
    path("", home.home, name="home"),
    path("minutes", home.minutes, name="minutes"),
]
