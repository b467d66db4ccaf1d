/** Sessions, and how many each user has by which door. */

import { texts } from "../texts.js";
import { mark } from "../views/dom.js";
import { Table, dim } from "../views/tables.js";
import { age, clip, number } from "../views/values/format.js";
import { Operate } from "./operate.js";
import { bytes } from "./units.js";

/** @typedef {any} Session a row of /sessions, with `opened` and whether it `isSlow` */

const words = texts.status.sessions;
/** Bytes that wait for a client in two answers after each other, from which on it counts as slow. */
const SLOW = 16 * 1024;

/** @param {Operate | null} operate @returns {Table<Session>} */
function sessionTable(operate) {
  return new Table({
    name: "sessions",
    caption: words.title,
    key: (row) => row.id,
    tie: (row) => row.id,
    order: { field: "outbox", isFalling: true },
    columns: [
      {
        field: "user",
        label: words.user,
        kind: "text",
        text: (row) => clip(row.user ?? texts.status.nobody),
        sort: (row) => row.user ?? "",
      },
      {
        field: "door",
        label: words.door,
        kind: "text",
        text: (row) => row.door ?? texts.none,
        sort: (row) => row.door ?? "",
      },
      {
        field: "peer",
        label: words.peer,
        kind: "text",
        text: (row) => [row.peer, row.port ? String(row.port) : ""],
        sort: (row) => row.peer,
      },
      {
        field: "age",
        label: words.age,
        kind: "number",
        ticks: true,
        text: (row, now) => age(row.opened, now),
        sort: (row) => -row.opened,
        isFalling: true,
      },
      {
        field: "outbox",
        label: words.outbox,
        kind: "number",
        isFalling: true,
        text: (row) => [bytes(row.outbox), row.isSlow ? words.slow : ""],
        sort: (row) => row.outbox,
        dress: (cell, row) => {
          dim(cell, row.outbox);
          mark(cell, "level", row.isSlow ? "amber" : "");
        },
      },
      {
        field: "denied",
        label: words.denied,
        kind: "number",
        isFalling: true,
        text: (row) => number(row.denied),
        sort: (row) => row.denied,
        dress: (cell, row) => dim(cell, row.denied),
      },
      { field: "do", label: operate ? words.end : "", kind: "text", text: () => "" },
    ],
    begin: (line) => {
      if (!operate) return;
      const label = words.endOf(clip(line.row.user ?? texts.status.nobody), line.row.peer);
      line.cells[6].cell.append(Operate.button(() => operate.kickSession(line.row), label));
    },
    dress: ({ element, row }) => mark(element, "level", row.isSlow ? "amber" : ""),
  });
}

/** @typedef {{name: string, all: number, doors: Map<string, number>, denied: number}} UserRow */

/** @param {Operate | null} operate @returns {Table<UserRow>} */
function userTable(operate) {
  return new Table({
    name: "users",
    caption: words.byUser,
    key: (row) => row.name,
    tie: (row) => row.name,
    order: { field: "sessions", isFalling: true },
    columns: [
      {
        field: "user",
        label: words.user,
        kind: "text",
        text: (row) => clip(row.name || texts.status.nobody),
        sort: (row) => row.name,
      },
      {
        field: "sessions",
        label: words.sessions,
        kind: "number",
        isFalling: true,
        text: (row) => number(row.all),
        sort: (row) => row.all,
      },
      {
        field: "doors",
        label: words.byDoor,
        kind: "text",
        text: (row) => [...row.doors].map(([door, count]) => words.ofDoor(door, number(count))).join(texts.join),
      },
      { field: "do", label: operate ? words.end : "", kind: "text", text: () => "" },
    ],
    begin: (line) => {
      if (!operate || !line.row.name) return;
      const work = () => operate.kickUser(line.row.name, line.row.all);
      line.cells[3].cell.append(Operate.button(work, words.endAllOf(clip(line.row.name))));
    },
  });
}

export class Sessions {
  /** @param {Operate | null} operate null if the user may not end sessions */
  constructor(operate) {
    this.sessions = sessionTable(operate);
    this.users = userTable(operate);
    this.sessions.onorder = () => this.sessions.draw(this.rows, this.now);
    this.users.onorder = () => this.users.draw(this.byUser, this.now);
    /** @type {Session[]} */
    this.rows = [];
    /** @type {UserRow[]} */
    this.byUser = [];
    /** @type {Map<string, Session>} */
    this.before = new Map();
    this.now = 0;
  }

  /** @param {any[]} answer @param {number} now epoch seconds */
  draw(answer, now) {
    this.now = now;
    this.rows = answer.map((row) => {
      const old = this.before.get(row.id);
      const isSlow = row.outbox >= SLOW && (old?.outbox ?? 0) >= SLOW;
      // A session that has been there keeps its beginning, so that its age does not jump.
      return { ...row, isSlow, opened: old?.opened ?? now - row.age };
    });
    this.before = new Map(this.rows.map((row) => [row.id, row]));
    /** @type {Map<string, UserRow>} */
    const users = new Map();
    for (const row of this.rows) {
      const name = row.user ?? "";
      const user = users.get(name) ?? { name, all: 0, doors: new Map(), denied: 0 };
      user.all += 1;
      const door = row.door ?? texts.none;
      user.doors.set(door, (user.doors.get(door) ?? 0) + 1);
      users.set(name, user);
    }
    this.byUser = [...users.values()];
    this.sessions.draw(this.rows, now);
    this.users.draw(this.byUser, now);
  }

  /** @param {number} now */
  tick(now) {
    this.sessions.tick(now);
  }
}
