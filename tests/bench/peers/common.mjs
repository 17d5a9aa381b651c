// What both scripts need: the lines of a job file, and batches within the API's limits.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export const REQUESTS_MAX = 100_000;
export const BYTES_MAX = 250_000_000;
export const POLL_MS = 50;

export async function* lines(path) {
  const reader = createInterface({ input: createReadStream(path, { highWaterMark: 1 << 20 }), crlfDelay: Infinity });
  for await (const line of reader) {
    if (line) yield line;
  }
}

export async function ended(client, id) {
  for (;;) {
    const batch = await client.messages.batches.retrieve(id);
    if (batch.processing_status === 'ended') return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
