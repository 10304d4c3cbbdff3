from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "tessera.privacy"
    label = "privacy"
