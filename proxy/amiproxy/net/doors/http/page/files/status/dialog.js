/** Dialogs: one that asks before something is done, and the frame of others. */

import { ApiError } from "../link/api.js";
import { texts } from "../texts.js";
import { make, show, write } from "../views/dom.js";

const words = texts.status;

/** @param {unknown} error */
export function errorText(error) {
  if (!(error instanceof ApiError)) return words.fault(String(error));
  if (!error.status) return words.unreachable;
  return words.refused(error.title || String(error.status), error.detail);
}

/**
 * A dialog with a title and a button that closes it, modal and open.
 * @param {string} title @param {string} name data-dialog
 */
export function open(title, name) {
  const before = document.activeElement;
  const body = make("div", { class: "body" });
  const buttons = make("div", { class: "buttons" });
  const close = make("button", { type: "button", "data-do": "close" }, words.close);
  buttons.append(close);
  const heading = make("h2", { id: `dialog-${name}` }, title);
  const dialog = make("dialog", { "data-dialog": name, "aria-labelledby": heading.id }, heading, body, buttons);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before instanceof HTMLElement) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, body, buttons, close };
}

/**
 * Says what will happen, and does it if the person agrees.
 * @param {string} name @param {string} title @param {string[]} what one paragraph each
 * @param {string} label of the button that does it
 * @param {() => Promise<string>} work returns what has happened
 */
export function ask(name, title, what, label, work) {
  const { body, buttons, close } = open(title, name);
  body.append(...what.map((text) => make("p", {}, text)));
  const result = make("p", { role: "status", class: "result" });
  show(result, false);
  body.append(result);
  const go = make("button", { type: "button", class: "grave", "data-do": name }, label);
  buttons.append(go);
  write(close, words.cancel);
  close.focus();
  go.addEventListener("click", async () => {
    go.disabled = true;
    let text;
    try {
      text = await work();
      show(go, false);
      write(close, words.close);
    } catch (error) {
      text = errorText(error);
      go.disabled = false;
    }
    write(result, text);
    show(result, true);
    close.focus();
  });
}
