// The same with a database, so that a restart could go on: requests, batches and results in SQLite (WAL, FULL), the results
// written in input order at the end and synced. No submit protocol: a create that timed out would be paid for twice.
//   node durable.mjs JOB RESULTS BASE-URL DATABASE
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import Database from 'better-sqlite3';
import { BYTES_MAX, REQUESTS_MAX, ended, lines } from './common.mjs';

const ROWS = 10_000; // a transaction
const [job, results, baseURL, path] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey: 'bench', maxRetries: 0 });
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`CREATE TABLE request (id INTEGER PRIMARY KEY, custom_id TEXT NOT NULL, params TEXT NOT NULL, batch TEXT, result TEXT);
         CREATE TABLE batch (id TEXT PRIMARY KEY, state TEXT NOT NULL);`);

const insert = db.prepare('INSERT INTO request (id, custom_id, params) VALUES (?, ?, ?)');
let rows = [];
const flush = db.transaction(() => {
  for (const row of rows) insert.run(...row);
  rows = [];
});
let number = 0;
for await (const line of lines(job)) {
  const { custom_id, params } = JSON.parse(line);
  rows.push([number++, custom_id, JSON.stringify(params)]);
  if (rows.length === ROWS) flush();
}
flush();

const mark = db.prepare('UPDATE request SET batch = ? WHERE id BETWEEN ? AND ?');
const note = db.prepare('INSERT INTO batch VALUES (?, ?)');
async function send(requests, first) {
  if (requests.length === 0) return;
  const batch = await client.messages.batches.create({ requests });
  db.transaction(() => {
    note.run(batch.id, 'in_progress');
    mark.run(batch.id, first, first + requests.length - 1);
  })();
}
let requests = [];
let bytes = 0;
let first = 0;
const next = db.prepare('SELECT id, params FROM request WHERE id >= ? ORDER BY id LIMIT ?');
for (let at = 0; at < number; at += ROWS) {
  for (const row of next.all(at, ROWS)) {
    if (requests.length === REQUESTS_MAX || bytes + row.params.length * 1.1 > BYTES_MAX) {
      await send(requests, first);
      first = row.id;
      requests = [];
      bytes = 0;
    }
    requests.push({ custom_id: `r${row.id}`, params: JSON.parse(row.params) });
    bytes += Buffer.byteLength(row.params);
  }
}
await send(requests, first);
requests = [];

const store = db.prepare('UPDATE request SET result = ? WHERE id = ?');
let found = [];
const record = db.transaction(() => {
  for (const [id, result] of found) store.run(result, id);
  found = [];
});
for (const { id } of db.prepare('SELECT id FROM batch').all()) {
  await ended(client, id);
  for await (const one of await client.messages.batches.results(id)) {
    found.push([Number(one.custom_id.slice(1)), JSON.stringify(one.result)]);
    if (found.length === ROWS) record();
  }
  record();
  db.prepare("UPDATE batch SET state = 'collected' WHERE id = ?").run(id);
}

const out = openSync(results, 'w');
let text = '';
for (const row of db.prepare('SELECT custom_id, result FROM request ORDER BY id').iterate()) {
  text += `{"custom_id":${JSON.stringify(row.custom_id)},"result":${row.result}}\n`;
  if (text.length > 1 << 20) {
    writeSync(out, text);
    text = '';
  }
}
writeSync(out, text);
fsyncSync(out);
closeSync(out);
db.close();
