"""The second step of a log-in, and one's own second factors."""

from django.urls import path

from tessera.console.views import second_step, security

urlpatterns = [
    path("login/second", second_step.second_step, name="second_step"),
    path("login/passkey/options", second_step.passkey_options, name="passkey_options"),
    path("login/passkey", second_step.passkey_log_in, name="passkey_log_in"),
    path("prove", second_step.prove, name="prove"),
    path("security", security.security, name="security"),
    path("security/totp/begin", security.begin_totp, name="begin_totp"),
    path("security/totp", security.totp, name="totp"),
    path("security/totp/remove", security.remove_totp, name="remove_totp"),
    path("security/recovery", security.renew_recovery_codes, name="renew_recovery_codes"),
    path("security/passkeys", security.add_passkey, name="add_passkey"),
    path("security/passkeys/options", security.new_passkey_options, name="new_passkey_options"),
    path("security/passkeys/<uuid:passkey_id>/remove", security.remove_passkey, name="remove_passkey"),
    path("security/sessions", security.end_sessions, name="end_sessions"),
]
