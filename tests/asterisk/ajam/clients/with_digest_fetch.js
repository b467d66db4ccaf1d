// digest-fetch for the digest, and node's own fetch with a cookie that is cut out of the header by hand.
'use strict';

const { pathToFileURL } = require('node:url');

const told = ([status, body]) => [
  String(status),
  ...[...body.matchAll(/^(?:Response|Message|Ping|Value|Output): (.*?)\r?$/gm)].map((found) => found[1]),
];

const main = async (task) => {
  const { default: DigestClient } = await import(pathToFileURL(require.resolve('digest-fetch')));
  const target = (page, parameters) => `${task.url}/${page}?${new URLSearchParams(parameters)}`;

  let cookie = '';
  const byCookie = async (page, parameters) => {
    const answer = await fetch(target(page, parameters), { headers: cookie ? { cookie } : {} });
    const said = answer.headers.get('set-cookie');
    if (said) cookie = said.split(';')[0];
    return [answer.status, await answer.text()];
  };
  const digest = (secret) => {
    const client = new DigestClient(task.username, secret, { algorithm: 'MD5' });
    return async (page, parameters) => {
      const answer = await client.fetch(target(page, parameters));
      return [answer.status, await answer.text()];
    };
  };
  const seen = async (ask, page, marker) => {
    for (let tried = 0; tried < 20; tried += 1) {
      const [, body] = await ask(page, { action: 'WaitEvent', timeout: '2' });
      const found = body.match(new RegExp(`^UserEvent: ${marker}\\r?\\n(?:.*\\n)*?Value: (.*?)\\r?$`, 'm'));
      if (found) return found[1];
    }
    throw new Error(`no ${marker}`);
  };

  const story = { cookie: {}, digest: {} };
  const login = { action: 'login', username: task.username };
  story.cookie.wrong = told(await byCookie('rawman', { ...login, secret: 'wrong' }));
  story.cookie.login = told(await byCookie('rawman', { ...login, secret: task.secret }));
  story.cookie.ping = told(await byCookie('rawman', { action: 'ping' }));
  await byCookie('rawman', { action: 'UserEvent', UserEvent: 'node-cookie', Value: 'ż & <b>' });
  story.cookie.event = await seen(byCookie, 'rawman', 'node-cookie');
  story.cookie.logoff = told(await byCookie('rawman', { action: 'logoff' }));

  const right = digest(task.secret);
  story.digest.wrong = (await digest('wrong')('arawman', { action: 'ping' }))[0];
  story.digest.ping = told(await right('arawman', { action: 'ping' }));
  story.digest.again = told(await right('arawman', { action: 'ping', actionid: 'a b' }));
  await right('arawman', { action: 'UserEvent', UserEvent: 'node-digest', Value: 'x y' });
  story.digest.event = await seen(right, 'arawman', 'node-digest');
  process.stdout.write(JSON.stringify(story));
};

let input = '';
process.stdin.on('data', (data) => { input += data; });
process.stdin.on('end', () => main(JSON.parse(input)).catch((error) => { console.error(error); process.exit(1); }));
