/** The form with which people log in. */

import { texts } from "../texts.js";
import { make, write } from "./dom.js";

const words = texts.login;

export class Login {
  /**
   * @param {HTMLElement} element
   * @param {(name: string, secret: string) => Promise<unknown>} login rejects with the status of the answer
   */
  constructor(element, login) {
    this.element = element;
    this.login = login;
    this.name = make("input", {
      id: "login-name",
      name: "username",
      autocomplete: "username",
      required: "",
      autocapitalize: "none",
      spellcheck: "false",
      maxlength: "255",
    });
    this.secret = make("input", {
      id: "login-secret",
      name: "password",
      type: "password",
      autocomplete: "current-password",
      required: "",
      maxlength: "1000",
    });
    this.button = make("button", { type: "submit" }, words.button);
    this.alert = make("p", { role: "alert", "data-field": "error" });
    this.why = make("p", { class: "note", "data-field": "why" });
    this.form = make(
      "form",
      {},
      this.why,
      make("label", { for: "login-name" }, words.name),
      this.name,
      make("label", { for: "login-secret" }, words.secret),
      this.secret,
      this.alert,
      this.button,
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    element.append(make("h2", {}, words.title), this.form);
  }

  /** @param {string} why the form is shown */
  begin(why) {
    write(this.why, why || words.intro);
    write(this.alert, "");
    (this.name.value ? this.secret : this.name).focus();
  }

  async #submit() {
    this.button.disabled = true;
    write(this.alert, "");
    try {
      await this.login(this.name.value, this.secret.value);
      this.form.reset();
    } catch (error) {
      this.secret.value = "";
      write(this.alert, this.#reason(error));
      this.secret.focus();
    } finally {
      this.button.disabled = false;
    }
  }

  /** @param {unknown} error */
  #reason(error) {
    const status = error instanceof Object && "status" in error ? Number(error.status) : 0;
    if (status === 429) return words.tooMany;
    if (status >= 400 && status < 500) return words.refused;
    return words.unreachable;
  }
}
