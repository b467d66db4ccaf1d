/** What the part of the address after # says: a view, and parameters. */

export const VIEWS = ["queues", "calls", "agents", "lines", "status", "wall"];

/**
 * @param {string} hash such as "#wall?queues=sales&wait=30,60"
 * @returns {{view: string, parameters: URLSearchParams}}
 */
export function route(hash) {
  const [view, ...query] = hash.replace(/^#/, "").split("?");
  return {
    view: VIEWS.includes(view) ? view : "queues",
    parameters: new URLSearchParams(query.join("?")),
  };
}

/** @param {string} view @param {URLSearchParams} parameters */
export function address(view, parameters) {
  const query = parameters.toString();
  return query ? `#${view}?${query}` : `#${view}`;
}
