// A phone's photo weighs more than the server takes, so its middle is made small here before it is sent.
// What cannot be read here is sent as it is, unless the server would not even take it in.
(() => {
  "use strict";

  const input = document.getElementById("picture");
  if (!input) return;
  const button = input.form.querySelector(".button--primary");
  const SIDE = 1024; // four times what is kept
  const BYTES = 1000000;
  const PIXELS = 8000000;
  const MOST = 2000000; // bytes the server takes

  /** The square in the middle as a JPEG on white, or the file itself where it is small enough. */
  async function smaller(file) {
    const photo = await createImageBitmap(file);
    const { width, height } = photo;
    if (file.size <= BYTES && width * height <= PIXELS) return file;
    const side = Math.min(width, height);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.min(side, SIDE);
    const paper = canvas.getContext("2d");
    paper.fillStyle = "white";
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.imageSmoothingQuality = "high";
    paper.drawImage(photo, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
    photo.close();
    const made = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.9); });
    return made ? new File([made], "picture.jpg", { type: "image/jpeg" }) : file;
  }

  let chosen = null;
  let made = null;

  input.addEventListener("change", async () => {
    const [file] = input.files;
    chosen = file;
    made = null;
    button.disabled = Boolean(file);
    input.setCustomValidity("");
    if (!file) return;
    const small = await smaller(file).catch(() => file); // no picture, or of a kind that this browser does not know
    if (chosen !== file) return; // another was chosen meanwhile
    made = small;
    button.disabled = false;
    input.setCustomValidity(made.size > MOST ? input.dataset.refusal : "");
    input.reportValidity();
  });

  input.form.addEventListener("formdata", (event) => {
    if (made) event.formData.set(input.name, made, made.name);
  });
})();
