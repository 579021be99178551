// Shows an answer as it arrives.
const output = document.querySelector("[data-stream]");
const button = document.querySelector("[data-start]");

async function ask() {
  button.disabled = true;
  output.textContent = "";
  try {
    const response = await fetch(output.dataset.stream);
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) {
      output.append(piece.value);
    }
  } catch (error) {
    output.append(`\n${error}`);
  }
  button.disabled = false;
}

button.addEventListener("click", ask);
ask();
