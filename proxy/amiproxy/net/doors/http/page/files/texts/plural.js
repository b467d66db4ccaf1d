/** Chooses between singular and plural for a text with a number; a language with more forms has its rule here. */

/** @param {number} count @param {string} one @param {string} other */
export const plural = (count, one, other) => (count === 1 ? one : other);
