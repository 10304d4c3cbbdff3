// Asking the browser for a passkey: fetch what to ask, put the answer into the form, send it. No inline code.
(() => {
  "use strict";

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  /** What the server asks, with its base64url texts as bytes. */
  function readable(options) {
    const listed = (name) => (options[name] || []).map((one) => ({ ...one, id: bytes(one.id) }));
    const asked = { ...options, challenge: bytes(options.challenge) };
    if (options.user) asked.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) asked.excludeCredentials = listed("excludeCredentials");
    if (options.allowCredentials) asked.allowCredentials = listed("allowCredentials");
    return asked;
  }

  /** The browser's answer as the server reads it. */
  function written(credential) {
    const said = credential.response;
    const response = { clientDataJSON: text(said.clientDataJSON) };
    if (said.attestationObject) {
      response.attestationObject = text(said.attestationObject);
      response.transports = said.getTransports ? said.getTransports() : [];
    } else {
      response.authenticatorData = text(said.authenticatorData);
      response.signature = text(said.signature);
      if (said.userHandle) response.userHandle = text(said.userHandle);
    }
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  }

  async function ask(form) {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const reply = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token } });
    if (reply.redirected && form.dataset.prove) { location.assign(form.dataset.prove); return null; }
    if (!reply.ok) throw new Error(await reply.text());
    const publicKey = readable(await reply.json());
    return form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey })
      : navigator.credentials.get({ publicKey });
  }

  async function send(form) {
    const wrong = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    wrong.hidden = true;
    button.disabled = true;
    try {
      const credential = await ask(form);
      if (!credential) return;
      form.elements.answer.value = written(credential);
      form.submit();
    } catch {
      wrong.textContent = form.dataset.failed;
      wrong.hidden = false;
    } finally {
      button.disabled = false;
    }
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", (event) => { event.preventDefault(); send(form); });
  }
})();
