// node's asterisk-manager (no TLS).  It sorts and lower-cases the headers it sends, and sets no event mask.
'use strict';

const Manager = require('asterisk-manager');
const VARYING = new Set(['actionid', 'timestamp', 'uniqueid']);
const STORY = new Set(['newchannel', 'varset', 'dialbegin', 'hangup']);

const steady = (message) =>
  Object.fromEntries(Object.entries(message).filter(([name]) => !VARYING.has(name)));

const day = async (task) => {
  const marker = `-${task.name}@`;
  const manager = new Manager(task.port, task.host, task.username, task.secret, true);
  const events = new Set();
  const items = [];
  const until = (wanted) =>
    new Promise((resolve) => manager.on('managerevent', (event) => wanted(event) && resolve(steady(event))));
  // Its callback gets an error response as its error argument: both are responses here.
  const act = (action) =>
    new Promise((resolve) => manager.action(action, (error, answer) => resolve(steady(error || answer))));

  manager.on('managerevent', (event) => {
    if (event.event === 'CoreShowChannel') items.push(event);
    else if ((event.channel || '').includes(marker)) events.add(event.event.toLowerCase());
  });
  const gone = until((event) => event.event === 'Hangup' && event.channel.includes(marker));
  const listed = until((event) => event.event === 'CoreShowChannelsComplete');

  const said = {};
  said.ping = await act({ action: 'ping' }); // held back by the library until it is logged in
  said.getvar = await act({ action: 'getvar', variable: 'LAB' });
  said.command = await act({ action: 'command', command: 'core show version' });
  said.unknown = await act({ action: 'nosuchaction' });
  const originated = until((event) => event.event === 'OriginateResponse' && event.channel.includes(marker));
  said.originate = await act({
    action: 'originate',
    channel: `Local/wait9${marker}lab`,
    application: 'Wait',
    data: '1',
    async: true,
    variable: { ONE: '1', TWO: '2' },
  });
  said.originated = await originated;
  said.list = await act({ action: 'coreshowchannels' });
  await listed;
  said.channels = items.filter((item) => item.channel.includes(marker)).length;
  said.hangup = await act({ action: 'hangup', channel: said.originated.channel });
  await gone;
  said.saw = [...events].filter((name) => STORY.has(name)).sort();
  said.logoff = await act({ action: 'logoff' });
  manager.disconnect();
  return said;
};

setTimeout(() => {
  process.stderr.write('no end within 30 s\n');
  process.exit(1);
}, 30000).unref();

let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => (text += chunk));
process.stdin.on('end', () => day(JSON.parse(text)).then((said) => process.stdout.write(JSON.stringify(said))));
