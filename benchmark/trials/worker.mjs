/** Another thread gets at the bytes. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { MemoryMappedFile } from '#mmap-io'
import { firstWord, GiB, MiB, next, RECORD, recordFile, shiftFor } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

function side({ filled }, message, close = () => {}) {
  const worker = new Worker(new URL('../lib/first-byte-worker.mjs', import.meta.url))
  const shift = shiftFor(filled / RECORD)
  const places = function* (operations, seed) {
    for (let left = operations, state = next(seed); left > 0; left--, state = next(state)) yield state >>> shift
  }
  const run = async (operations, seed) => {
    let sum = 0
    for (const record of places(operations, seed)) {
      worker.postMessage({ ...message, at: record * RECORD })
      const [byte] = await once(worker, 'message')
      sum = (sum * 31 + byte) | 0
    }
    return sum
  }
  const verify = (sum, operations, seed) => {
    let expected = 0
    for (const record of places(operations, seed)) expected = (expected * 31 + (firstWord(record) & 0xff)) | 0
    same(sum, expected, 'sum of the bytes')
  }
  return {
    run,
    verify,
    close: async () => {
      await worker.terminate()
      close()
    },
  }
}

function attached(file) {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  return side(file, { handle: mapping.share() }, () => mapping.close())
}

export const rows = [
  {
    name: 'worker',
    work: 'a running worker reads one byte of 1 GiB that the main thread has',
    cache: 'warm',
    pattern: 'one random byte of the filled part; an operation is a message and its answer',
    verified: 'hash over all bytes read',
    ours: { does: 'post share(); attach, asSlice(at, 1)[0], close', open: attached },
    rival: { does: 'post a Buffer with the same bytes, which copies it', open: (file) => side(file, { bytes: readFileSync(file.path) }) },
    goal: { none: true },
    setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
  },
]
