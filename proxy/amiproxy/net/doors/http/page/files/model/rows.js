/** Rows that are built once and kept until something about them changes. */

/** Most keys that wait in addition to twice the rows: nobody may look at the rows for hours, while calls come and go. */
const MOST_STALE = 1000;

/** @template Row */
export class Rows {
  /** @param {(key: string) => Row|null} build the row with this key; null if there is none any more */
  constructor(build) {
    this.build = build;
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Set<string>} */
    this.stale = new Set();
    /** @type {Row[]} */
    this.list = [];
  }

  /** The row with this key has changed, begun or ended. @param {string} key */
  touch(key) {
    this.stale.add(key);
    if (this.stale.size > MOST_STALE + 2 * this.rows.size) this.all();
  }

  touchAll() {
    for (const key of this.rows.keys()) this.stale.add(key);
  }

  /** All rows, those that are new at the end.  The same rows are the same objects, and without a change so is the array. @returns {Row[]} */
  all() {
    if (this.stale.size) {
      for (const key of this.stale) {
        const row = this.build(key);
        if (row === null) this.rows.delete(key);
        else this.rows.set(key, row);
      }
      this.stale.clear();
      this.list = [...this.rows.values()];
    }
    return this.list;
  }
}
