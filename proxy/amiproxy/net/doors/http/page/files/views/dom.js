/** Elements, made and changed.  Values only ever become text, or data-* attributes. */

import { rising } from "./values/order.js";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string>} [attributes] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * An element of index.html.
 * @param {string} id
 */
export function place(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element ${id}`);
  return element;
}

/**
 * Sets the text of an element if it is another one.  The document is not asked: that would be slower.
 * @param {HTMLElement & {written?: string}} element @param {string} text
 */
export function write(element, text) {
  if (element.written === text) return;
  element.written = text;
  element.textContent = text;
}

/**
 * Sets data-NAME, or removes it if the value is empty.
 * @param {HTMLElement} element @param {string} name @param {string} value
 */
export function mark(element, name, value) {
  if ((element.dataset[name] ?? "") === value) return;
  if (value) element.dataset[name] = value;
  else delete element.dataset[name];
}

/** @param {HTMLElement} element @param {boolean} isShown */
export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/**
 * Makes these the children of an element, in this order.  As few as possible are moved, and the one with
 * the focus keeps it.
 * @param {Element} parent @param {Element[]} nodes
 */
export function arrange(parent, nodes) {
  let child = parent.firstElementChild;
  let isSame = true;
  for (const node of nodes) {
    isSame &&= node === child;
    if (!isSame) break;
    child = /** @type {Element} */ (child).nextElementSibling;
  }
  if (isSame && child === null) return;
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(nodes);
  /** @type {Map<Element, number>} */
  const before = new Map();
  for (const each of [...parent.children]) {
    if (wanted.has(each)) before.set(each, before.size);
    else each.remove();
  }
  const known = nodes.filter((node) => before.has(node));
  const kept = rising(known.map((node) => /** @type {number} */ (before.get(node))));
  const stays = new Set([...kept].map((index) => known[index]));
  /** @type {Element | null} */
  let next = null;
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    if (!stays.has(nodes[index])) parent.insertBefore(nodes[index], next);
    next = nodes[index];
  }
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused))
    focused.focus({ preventScroll: true });
}
