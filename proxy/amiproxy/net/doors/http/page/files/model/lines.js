/** Lines of one server and their rows: extensions with their presence; endpoints, peers and registrations. */

import { either, get, number, only } from "./fields.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./side.js").Side} Side */
/** @typedef {import("./types.js").ExtensionRow} ExtensionRow */
/** @typedef {import("./types.js").TrunkRow} TrunkRow */
/** @typedef {{exten: string, context: string, hint: string, status: string}} Extension */
/** @typedef {{status: string, message: string}} Presence */
/** @typedef {{uri: string, status: string, usec: string, endpoint: string}} Contact */
/** @typedef {{technology: string, name: string, address: string, status: string, contacts: Map<string, Contact>}} Trunk */

/** State of DeviceStateChange -> DeviceState of the list. */
const WORDS = new Map([
  ["UNKNOWN", "Unknown"],
  ["NOT_INUSE", "Not in use"],
  ["INUSE", "In use"],
  ["BUSY", "Busy"],
  ["INVALID", "Invalid"],
  ["UNAVAILABLE", "Unavailable"],
  ["RINGING", "Ringing"],
  ["RINGINUSE", "Ring+Inuse"],
  ["ONHOLD", "On Hold"],
]);
const PEER_WORDS = new Map([
  ["Reachable", "OK"],
  ["Lagged", "LAGGED"],
  ["Unreachable", "UNREACHABLE"],
]);
const NOWHERE = new Set(["-none-", "(null)"]);
const GONE = new Set(["Unreachable", "Removed"]);
/** What the status of an extension is the sum of. */
const [IN_USE, BUSY, UNAVAILABLE, RINGING, ON_HOLD] = [1, 2, 4, 8, 16];
/** Most registrations that events have told, as no list has them. */
const MOST_REGISTRATIONS = 1000;

export class Lines {
  /** @param {(extension: string) => void} extensionChanged @param {(device: string) => void} trunkChanged */
  constructor(extensionChanged, trunkChanged) {
    this.extensionChanged = extensionChanged;
    this.trunkChanged = trunkChanged;
    /** By number and context. @type {Map<string, Extension>} */
    this.extensions = new Map();
    /** @type {Map<string, Presence>} */
    this.presences = new Map();
    /** Name of a presence -> keys of the extensions whose hints have it. @type {Map<string, Set<string>>} */
    this.watchers = new Map();
    /** By device, such as ``PJSIP/alice``. @type {Map<string, Trunk>} */
    this.endpoints = new Map();
    /** @type {Map<string, Trunk>} */
    this.peers = new Map();
    /** @type {Map<string, Trunk>} */
    this.registrations = new Map();
    /** @type {Map<string, (event: Data) => void>} */
    this.events = new Map();
    this.events.set("ExtensionStatus", (event) => this.tellExtension(event));
    this.events.set("PresenceStateChange", (event) => this.tellPresence(event));
    this.events.set("DeviceStateChange", (event) => this.deviceChanged(event));
    this.events.set("ContactStatus", (event) => this.contactChanged(event));
    this.events.set("PeerStatus", (event) => this.peerChanged(event));
    this.events.set("Registry", (event) => this.registered(event));
  }

  // -- extensions

  /** @param {Map<string, Data[]>} groups */
  replaceExtensions(groups) {
    for (const key of this.extensions.keys()) this.extensionChanged(key);
    this.extensions.clear();
    this.watchers.clear();
    for (const item of groups.get("extensions") ?? []) this.tellExtension(item);
  }

  /** @param {Data} told */
  tellExtension(told) {
    const exten = only(told, "Exten");
    const context = only(told, "Context");
    const status = get(told, "Status");
    if (!exten || !context) return;
    const key = `${exten}\0${context}`;
    this.extensionChanged(key);
    const before = this.extensions.get(key);
    // During a reload the event has no hint.
    const hint = get(told, "Hint") || (before?.hint ?? "");
    if (before) this.unwatch(key, before.hint);
    if (status === "-1" || status === "-2") {
      this.extensions.delete(key);
      return;
    }
    this.extensions.set(key, { exten, context, hint, status });
    for (const name of presencesIn(hint)) this.watchers.set(name, (this.watchers.get(name) ?? new Set()).add(key));
  }

  /** @param {string} key of an extension @param {string} hint that it had */
  unwatch(key, hint) {
    for (const name of presencesIn(hint)) {
      const keys = this.watchers.get(name);
      if (keys?.delete(key) && !keys.size) this.watchers.delete(name);
    }
  }

  /** The first device of the hint that a state interface such as ``hint:101@phones`` names; "" if there is none. @param {string} address @returns {string} */
  deviceBehind(address) {
    const at = address.lastIndexOf("@");
    if (!address.startsWith("hint:") || at < 0) return "";
    const hint = this.extensions.get(`${address.slice(5, at)}\0${address.slice(at + 1)}`)?.hint ?? "";
    return hint.split(",", 1)[0].split("&", 1)[0];
  }

  /** @param {Map<string, Data[]>} groups */
  replacePresences(groups) {
    for (const key of this.extensions.keys()) this.extensionChanged(key);
    this.presences.clear();
    for (const item of groups.get("presence") ?? []) this.tellPresence(item);
  }

  /** @param {Data} told */
  tellPresence(told) {
    const name = only(told, "Presentity");
    if (!name) return;
    this.presences.set(name, { status: get(told, "Status"), message: get(told, "Message") });
    for (const key of this.watchers.get(name) ?? []) this.extensionChanged(key);
  }

  // -- endpoints

  /** @param {Map<string, Data[]>} groups */
  replaceEndpoints(groups) {
    for (const device of this.endpoints.keys()) this.trunkChanged(device);
    this.endpoints.clear();
    for (const item of groups.get("endpoints") ?? []) {
      const name = only(item, "ObjectName");
      if (name) this.add(this.endpoints, `PJSIP/${name}`, { ...newTrunk("PJSIP", name), status: get(item, "DeviceState") });
    }
    for (const item of groups.get("contacts") ?? []) {
      const object = only(item, "ObjectName");
      const aor = object.slice(0, Math.max(0, object.lastIndexOf(";@")));
      this.tellContact(aor, item, get(item, "Uri"), get(item, "Endpoint") || aor, get(item, "Status"));
    }
  }

  /** @param {Map<string, Trunk>} trunks @param {string} device @param {Trunk} trunk */
  add(trunks, device, trunk) {
    trunks.set(device, trunk);
    this.trunkChanged(device);
  }

  /** @param {Data} event */
  deviceChanged(event) {
    const device = only(event, "Device");
    const endpoint = this.endpoints.get(device);
    const words = WORDS.get(only(event, "State"));
    if (!endpoint || !words) return;
    endpoint.status = words;
    this.trunkChanged(device);
  }

  /** @param {Data} event */
  contactChanged(event) {
    const [aor, uri] = [only(event, "AOR"), only(event, "URI")];
    this.tellContact(aor, event, uri, only(event, "EndpointName") || aor, only(event, "ContactStatus"));
  }

  /** @param {string} aor @param {Data} told @param {string} uri @param {string} name of the endpoint @param {string} status */
  tellContact(aor, told, uri, name, status) {
    const device = `PJSIP/${name}`;
    const endpoint = this.endpoints.get(device);
    if (!endpoint || !uri || !status) return;
    const key = `${aor}\0${uri}`;
    if (status === "Removed") endpoint.contacts.delete(key);
    else endpoint.contacts.set(key, { uri, status, usec: get(told, "RoundtripUsec"), endpoint: name });
    this.trunkChanged(device);
  }

  // -- peers of chan_sip and chan_iax2, and registrations

  /** @param {Map<string, Data[]>} groups */
  replacePeers(groups) {
    for (const device of this.peers.keys()) this.trunkChanged(device);
    this.peers.clear();
    for (const item of groups.get("peers") ?? []) {
      const listed = get(item, "Channeltype");
      const technology = listed === "IAX" ? "IAX2" : listed;
      const name = only(item, "ObjectName");
      if (!name) continue;
      const peer = newTrunk(technology, name);
      peer.status = get(item, "Status");
      peer.address = addressOf(get(item, "IPaddress"), either(item, "IPport", "Port"));
      this.add(this.peers, `${technology}/${name}`, peer);
    }
  }

  /** @param {Data} event */
  peerChanged(event) {
    const device = only(event, "Peer");
    const peer = this.peers.get(device);
    if (!peer) return;
    const told = only(event, "PeerStatus");
    if (told === "Registered") peer.address = only(event, "Address") || peer.address;
    else if (told === "Unregistered") {
      peer.address = "";
      if (!peer.status.startsWith("Unmonitored")) peer.status = "UNKNOWN";
    } else peer.status = PEER_WORDS.get(told) ?? peer.status;
    this.trunkChanged(device);
  }

  /** @param {Data} event */
  registered(event) {
    const [technology, user, domain] = [only(event, "ChannelType"), get(event, "Username"), get(event, "Domain")];
    if (!technology || !domain) return;
    const device = `${technology} ${user}@${domain}`;
    if (!this.registrations.has(device) && this.registrations.size >= MOST_REGISTRATIONS) return;
    const status = get(event, "Status");
    if (status === "Unregistered") this.registrations.delete(device);
    else this.registrations.set(device, { ...newTrunk(technology, user || domain), address: domain, status });
    this.trunkChanged(device);
  }
}

/** @param {string} technology @param {string} name @returns {Trunk} */
function newTrunk(technology, name) {
  return { technology, name, address: "", status: "", contacts: new Map() };
}

/** @param {string} host @param {string} port */
function addressOf(host, port) {
  if (!host || NOWHERE.has(host)) return "";
  const named = host.includes(":") ? `[${host}]` : host;
  return number(port) ? `${named}:${port}` : host;
}

/** The presences in a hint such as ``PJSIP/alice,CustomPresence:alice``. @param {string} hint */
function presencesIn(hint) {
  const comma = hint.indexOf(",");
  return comma < 0 ? [] : hint.slice(comma + 1).split("&").filter(Boolean);
}

// -- rows

/** @param {string} key @param {Side} side @returns {ExtensionRow|null} */
export function extensionRow(key, { name: server, lines }) {
  const extension = lines.extensions.get(key);
  if (!extension) return null;
  const { exten, context, hint, status } = extension;
  const presence = presencesIn(hint).map((name) => lines.presences.get(name)).find(Boolean);
  const isSet = presence !== undefined && presence.status !== "not_set";
  return {
    key: `${server}\0${key}`,
    server,
    exten,
    context,
    state: stateOf(status),
    presence: isSet ? presence.status : "",
    text: isSet ? presence.message : "",
  };
}

/** @param {string} status the sum of what applies @returns {import("./types.js").ExtensionState} */
function stateOf(status) {
  if (status === "0") return "free";
  const bits = number(status);
  if (bits & RINGING) return "ringing";
  if (bits & ON_HOLD) return "held";
  if (bits & (IN_USE | BUSY)) return "busy";
  return bits & UNAVAILABLE ? "offline" : "unknown";
}

/** @param {string} device @param {Side} side @returns {TrunkRow|null} */
export function trunkRow(device, side) {
  const { endpoints, peers, registrations } = side.lines;
  const endpoint = endpoints.get(device);
  const peer = peers.get(device);
  const registration = registrations.get(device);
  const told =
    (endpoint && endpointTells(endpoint)) || (peer && peerTells(peer)) || (registration && registrationTells(registration));
  const trunk = endpoint ?? peer ?? registration;
  if (!trunk || !told) return null;
  return {
    key: `${side.name}\0${device}`,
    server: side.name,
    technology: trunk.technology,
    name: trunk.name,
    ...told,
    channels: side.channels.ofDevice.get(device)?.size ?? 0,
  };
}

/** @typedef {Pick<TrunkRow, "state" | "address" | "rtt">} Told */

/** @param {Trunk} endpoint @returns {Told} */
function endpointTells({ status, contacts }) {
  const all = [...contacts.values()];
  const good = all.filter((contact) => !GONE.has(contact.status));
  const times = good.filter((contact) => contact.status === "Reachable" && number(contact.usec)).map(({ usec }) => number(usec));
  const address = hostOf((good[0] ?? all[0])?.uri ?? "");
  const rtt = times.length ? Math.min(...times) / 1000 : null;
  /** @type {Told["state"]} */
  let state = "up";
  if (status === "Unavailable" || (all.length && !good.length)) state = "down";
  else if (["Unknown", "Invalid", ""].includes(status) && !good.length) state = "unknown";
  return { state, address, rtt };
}

/** The host and port of a URI such as ``sip:alice@192.0.2.1:5060;ob``. @param {string} uri */
function hostOf(uri) {
  const scheme = uri.indexOf(":");
  const address = uri.slice(scheme + 1);
  const plain = address.slice(address.lastIndexOf("@") + 1);
  const ends = [plain.indexOf(";"), plain.indexOf("?"), plain.indexOf(">")].filter((end) => end >= 0);
  return ends.length ? plain.slice(0, Math.min(...ends)) : plain;
}

/** @param {Trunk} peer @returns {Told} */
function peerTells({ status, address }) {
  const [word] = status.split(" ", 1);
  const time = status.length < 80 ? /\(([0-9]{1,9}) ms\)/.exec(status) : null;
  /** @type {Told["state"]} */
  let state = "unknown";
  if (word === "OK" || word === "LAGGED" || (word === "Unmonitored" && address)) state = "up";
  else if (word === "UNREACHABLE" || (word === "UNKNOWN" && !address)) state = "down";
  return { state, address, rtt: time ? Number(time[1]) : null };
}

/** @param {Trunk} registration @returns {Told} */
function registrationTells({ status, address }) {
  const isDown = status === "Rejected" || status === "Failed" || status.startsWith("Timeout");
  return { state: status === "Registered" ? "up" : isDown ? "down" : "unknown", address, rtt: null };
}
