/** The JSON interface of the page: a few routes, next to the document. */

/** An answer other than success; or none at all, which has the status 0. */
export class ApiError extends Error {
  /** @param {number} status @param {string} title @param {string} detail */
  constructor(status, title, detail) {
    super(`${status} ${title}`);
    this.name = "ApiError";
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

/** @typedef {(url: string, options: RequestInit) => Promise<Response>} Fetch */

export class Api {
  /**
   * @param {string} [base] URL of the routes, with a slash at its end; relative to the document, which a reverse proxy
   *   may serve below any path
   * @param {Fetch} [request]
   */
  constructor(base = "page/api/", request = (url, options) => fetch(url, options)) {
    this.base = base;
    this.request = request;
  }

  /** @param {string} path without a slash at its start @returns {Promise<any>} the object; null if there is none */
  get(path) {
    return this.call("GET", path);
  }

  /** @param {string} path @param {object} [body] @returns {Promise<any>} */
  post(path, body = {}) {
    return this.call("POST", path, body);
  }

  /** @param {string} path @returns {Promise<any>} */
  delete(path) {
    return this.call("DELETE", path);
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async call(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response, text;
    try {
      response = await this.request(this.base + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "same-origin",
        redirect: "error",
      });
      text = await response.text();
    } catch (error) {
      throw new ApiError(0, "", String(error));
    }
    const answer = parsed(text);
    if (response.ok) return answer;
    throw new ApiError(response.status, word(answer?.title) || response.statusText, word(answer?.detail));
  }
}

/** @param {string} text @returns {any} the object; null if the text is none */
function parsed(text) {
  try {
    const answer = JSON.parse(text);
    return typeof answer === "object" ? answer : null;
  } catch {
    return null;
  }
}

/** @param {unknown} value */
function word(value) {
  return typeof value === "string" ? value : "";
}
