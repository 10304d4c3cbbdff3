"""The door."""

from django.urls import path

from tessera.console.views import entrance

urlpatterns = [
    path("login", entrance.log_in, name="login"),
    path("logout", entrance.log_out, name="logout"),
    path("password", entrance.password, name="password"),
    path("language", entrance.language, name="language"),
]
