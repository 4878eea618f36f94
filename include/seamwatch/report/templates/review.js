(() => {
  "use strict";
  // Nobody has read an answer so soon: such a press is the second one of a pair, meant for the answer before.
  const READ_MS = 350;
  const RETRY_MS = 5000;
  const shownAt = performance.now();
  let isSent = false;
  const isTyping = (target) => target instanceof Element && target.closest("input, textarea") !== null;
  const press = (key) => {
    const button = [...document.querySelectorAll("button[data-key]")].find((one) => one.dataset.key === key);
    if (button) button.click();
    return button !== undefined;
  };
  const keyOf = (event) => {
    const digit = /^(?:Digit|Numpad)([1-4])$/.exec(event.code);
    return digit && !event.shiftKey ? digit[1] : event.key.toLowerCase();
  };
  const inField = (event) => {
    if (event.key === "Escape") event.target.blur();
    const isLine = event.target.matches("input.value") && !event.shiftKey;
    if (event.key === "Enter" && (isLine || event.ctrlKey || event.metaKey) && event.target.matches(".value")) {
      event.preventDefault();
      press("2");
    }
  };
  document.addEventListener("submit", (event) => {
    if (isSent || performance.now() - shownAt < READ_MS) {
      event.preventDefault();
      return;
    }
    isSent = true;
    document.body.classList.add("sent");
    setTimeout(() => { isSent = false; document.body.classList.remove("sent"); }, RETRY_MS);
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.isComposing) return;
    if (isTyping(event.target)) {
      inField(event);
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = keyOf(event);
    const field = key === "c" ? document.querySelector(".value") : null;
    if (field) field.focus();
    if (field || press(key)) event.preventDefault();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  // Inside Airflow's UI the page is a frame: keys come to it once it has the focus.
  window.focus();
})();
