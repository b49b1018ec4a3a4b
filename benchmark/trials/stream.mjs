/** A file from start to end, as streams of Node and as bodies of responses. */
import { createReadStream, openAsBlob } from 'node:fs'
import { open } from 'node:fs/promises'
import { MemoryMappedFile } from '#mmap-io'
import { addRecord, firstWord, GiB, KiB, MiB, RECORD, recordFile, secondWord } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

/** Of each piece of this size the first and the last byte are looked at: chunks of all sides end at its multiples. */
const PIECE = 64 * KiB

/** An operation is one MiB: a run streams the first MiBs of the file, over again when there are not so many. */
function streaming({ size }, chunksOf, close = () => {}) {
  const most = size / MiB
  const run = async (operations) => {
    let sum = 0
    for (let left = operations; left > 0; left -= most) {
      const end = Math.min(left, most) * MiB
      let at = 0
      for await (const chunk of chunksOf(end)) {
        for (let piece = 0; piece < chunk.length; piece += PIECE) sum = addRecord(sum, chunk[piece], chunk[piece + PIECE - 1])
        at += chunk.length
      }
      same(at, end, 'bytes streamed')
    }
    return sum
  }
  const verify = (sum, operations) => {
    let expected = 0
    for (let left = operations; left > 0; left -= most) {
      for (let at = 0; at < Math.min(left, most) * MiB; at += PIECE) {
        const record = at / RECORD
        expected = addRecord(expected, firstWord(record) & 0xff, secondWord(record + PIECE / RECORD - 1) >>> 24)
      }
    }
    same(sum, expected, 'sum of the bytes looked at')
  }
  return { run, verify, close }
}

const mapped = (chunksOf) => (file) => {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  return streaming(
    file,
    (end) => chunksOf(mapping, end),
    () => mapping.close(),
  )
}

const nodeStream = (highWaterMark) => ({
  ours: mapped((mapping, end) => mapping.createReadStream({ end: end - 1, highWaterMark })),
  rival: (file) => streaming(file, (end) => createReadStream(file.path, { end: end - 1, highWaterMark })),
})

const range = (end) => ({ headers: new Headers({ range: `bytes=0-${end - 1}` }) })

const small = (file, answer, close = () => {}) => ({
  run: async (operations) => {
    let sum = 0
    for (let left = operations; left > 0; left--) {
      const bytes = new Uint8Array(await (await answer()).arrayBuffer())
      sum = addRecord(sum, bytes[0], bytes[bytes.length - 1])
    }
    return sum
  },
  verify: (sum, operations) => {
    let expected = 0
    for (let left = operations; left > 0; left--)
      expected = addRecord(expected, firstWord(0) & 0xff, secondWord(file.size / RECORD - 1) >>> 24)
    same(sum, expected, 'sum of the bytes looked at')
  },
  close,
})

function smallOurs(file) {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  return small(
    file,
    () => mapping.response(),
    () => mapping.close(),
  )
}

async function smallRival(file) {
  const handle = await open(file.path)
  const answer = async () => {
    const buffer = Buffer.allocUnsafeSlow(file.size)
    await handle.read(buffer, 0, file.size, 0)
    return new Response(buffer)
  }
  return small(file, answer, () => handle.close())
}

const common = {
  cache: 'warm',
  pattern: 'from the start; an operation is one MiB',
  verified: 'number of bytes; first and last byte of each 64 KiB',
  setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
}

const default64 = nodeStream(undefined)
const large = nodeStream(MiB)

export const rows = [
  {
    ...common,
    name: 'stream',
    work: 'stream a file of 1 GiB',
    ours: { does: 'createReadStream()', open: default64.ours },
    rival: { does: 'fs.createReadStream()', open: default64.rival },
    goal: { atMost: 1 },
  },
  {
    ...common,
    name: 'stream-1m',
    work: 'stream a file of 1 GiB in chunks of 1 MiB',
    ours: { does: 'createReadStream({ highWaterMark: 1 MiB })', open: large.ours },
    rival: { does: 'fs.createReadStream with the same', open: large.rival },
    goal: { none: true },
    note: 'both copy every byte once; the rival does so on a thread of the pool, beside the consumer',
  },
  {
    ...common,
    name: 'response-body',
    work: 'read the body of a response with a file of 1 GiB',
    ours: { does: 'response(), its body chunk by chunk', open: mapped((mapping, end) => mapping.response(range(end)).body) },
    rival: {
      does: 'new Response of a slice of fs.openAsBlob, the same way',
      open: async (file) => {
        const blob = await openAsBlob(file.path)
        return streaming(file, (end) => new Response(blob.slice(0, end)).body)
      },
    },
    goal: { none: true },
  },
  {
    ...common,
    name: 'response-small',
    work: 'make a response of a file of 4 KiB and read it',
    pattern: 'the same file each time',
    verified: 'first and last byte',
    ours: { does: 'response().arrayBuffer()', open: smallOurs },
    rival: { does: 'FileHandle.read, new Response(buffer).arrayBuffer()', open: smallRival },
    goal: { none: true },
    note: 'ours makes ETag, Last-Modified, Content-Type and Content-Length besides',
    setup: (folder) => recordFile(folder, 4 * KiB),
  },
]
