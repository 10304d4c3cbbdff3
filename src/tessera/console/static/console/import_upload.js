// Sends a file in pieces, so that its size does not matter to the server. Without this the form sends small files whole.
(() => {
  "use strict";

  const form = document.getElementById("upload");
  const input = document.getElementById("file");
  const zone = document.getElementById("dropzone");
  const refusal = document.getElementById("upload-refusal");
  const progress = document.getElementById("upload-progress");
  const button = form.querySelector("button");
  const TRIES = 4;

  function say(title, detail) {
    refusal.replaceChildren();
    if (!title) return;
    const note = document.createElement("p");
    note.className = "note note--error";
    note.setAttribute("role", "alert");
    note.textContent = detail ? `${title} ${detail}` : title;
    refusal.append(note);
  }

  function show(part) {
    const percent = Math.floor(part * 100);
    progress.hidden = false;
    progress.querySelector("progress").value = percent;
    progress.querySelector("small").textContent = `${form.dataset.sending} ${percent} %`;
  }

  /** One call; again after a pause when the line or the server is away. A refusal is thrown with its words. */
  async function post(address, body) {
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    if (body instanceof Blob) headers["Content-Type"] = "application/octet-stream";
    for (let attempt = 1; ; attempt += 1) {
      let answer = null;
      try {
        answer = await fetch(address, { method: "POST", headers, body, redirect: "error" });
      } catch {
        answer = null;
      }
      if (answer && answer.ok) return answer.status === 204 ? {} : answer.json();
      if (answer && answer.status === 422) throw Object.assign(new Error("refused"), await answer.json());
      if (attempt === TRIES) throw Object.assign(new Error("away"), { title: form.dataset.away });
      await new Promise((resume) => { setTimeout(resume, 500 * 2 ** attempt); });
    }
  }

  async function send(file) {
    const name = new FormData();
    name.append("name", file.name);
    const where = await post(form.dataset.begin, name);
    const piece = Number(form.dataset.piece);
    for (let number = 0; number * piece < file.size; number += 1) {
      await post(where.chunks + number, file.slice(number * piece, (number + 1) * piece));
      show(Math.min(1, ((number + 1) * piece) / file.size));
    }
    return post(where.uploaded, new FormData());
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = input.files[0];
    if (!file) {
      say(form.dataset.none);
      input.focus();
      return;
    }
    say("");
    show(0);
    button.disabled = true;
    try {
      const done = await send(file);
      window.location.assign(done.next);
    } catch (error) {
      say(error.title || String(error), error.detail);
      progress.hidden = true;
      button.disabled = false;
    }
  });

  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, () => zone.classList.remove("is-over"));
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
})();
