/** A denied action: what the policy says about it, and the smallest change of users.yaml that would allow it. */

import { texts } from "../texts.js";
import { make, write } from "../views/dom.js";
import { clip } from "../views/values/format.js";
import { errorText, open } from "./dialog.js";

/** @typedef {import("../link/api.js").Api} Api */

const words = texts.status.explain;

/** @param {Api} api @param {number} id @param {string} action @param {string} user */
export async function explain(api, id, action, user) {
  const { dialog, body } = open(words.title(clip(action), clip(user)), "explain");
  const notice = make("p", { role: "status" }, words.asking);
  body.append(notice);
  let answer;
  try {
    answer = await api.get(`denials/${id}`);
  } catch (error) {
    write(notice, errorText(error));
    return;
  }
  if (!dialog.open) return;
  notice.remove();
  body.append(...change(answer));
  body.append(
    make("h3", {}, words.checks),
    make("pre", { "data-field": "lines", tabindex: "0" }, answer.lines.join("\n")),
  );
}

/** @param {any} answer */
function change(answer) {
  /** @type {HTMLElement[]} */
  const parts = [];
  if (answer.message) parts.push(make("p", { "data-field": "message" }, answer.message));
  if (!answer.change) return parts;
  parts.push(
    make("h3", {}, words.change),
    make("p", { class: "note" }, words.changeHow),
    make("pre", { "data-field": "change", tabindex: "0" }, answer.change.yaml),
  );
  const opens = answer.change.text.split("\n").filter(Boolean);
  if (opens.length) {
    const list = make("ul", { class: "opens-also", "data-field": "opens" });
    list.append(...opens.map((/** @type {string} */ text) => make("li", {}, text)));
    parts.push(make("h3", {}, words.opens), list);
  } else parts.push(make("p", { class: "note" }, words.opensNothing));
  return parts;
}
