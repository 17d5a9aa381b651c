// What a competent user writes with the official SDK: create the batches, wait, write the results to a file.
//   node plain.mjs JOB RESULTS BASE-URL
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import Anthropic from '@anthropic-ai/sdk';
import { BYTES_MAX, REQUESTS_MAX, ended, lines } from './common.mjs';

const [job, results, baseURL] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey: 'bench', maxRetries: 0 });
const out = createWriteStream(results);
const own = new Map(); // wire id -> custom_id
const batches = [];
let requests = [];
let bytes = 0;

async function send() {
  if (requests.length === 0) return;
  batches.push(await client.messages.batches.create({ requests }));
  requests = [];
  bytes = 0;
}

let number = 0;
for await (const line of lines(job)) {
  if (requests.length === REQUESTS_MAX || bytes + line.length * 1.1 > BYTES_MAX) await send();
  const { custom_id, params } = JSON.parse(line);
  const wire = `r${number++}`;
  own.set(wire, custom_id);
  requests.push({ custom_id: wire, params });
  bytes += Buffer.byteLength(line);
}
await send();
for (const batch of batches) {
  await ended(client, batch.id);
  for await (const one of await client.messages.batches.results(batch.id)) {
    const text = JSON.stringify({ custom_id: own.get(one.custom_id), result: one.result }) + '\n';
    if (!out.write(text)) await once(out, 'drain');
  }
}
out.end();
await once(out, 'finish');
