/** Searching and counting in a whole file. One operation is one file. */
import { closeSync, createReadStream, existsSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MemoryMappedFile } from '#mmap-io'
import { firstWord, GiB, KiB, MiB, next, RECORD, recordFile, secondWord } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

/** The bytes of a record, or with another second word bytes that begin like one and are in no record. */
function bytesOf(record, second = secondWord(record)) {
  const bytes = Buffer.alloc(RECORD)
  bytes.writeInt32LE(firstWord(record))
  bytes.writeInt32LE(second, 4)
  return bytes
}

function searching({ size }, indexOf, close) {
  const last = size / RECORD - 1
  same(indexOf(bytesOf(last)), last * RECORD, 'position of the last record')
  const run = (operations, seed) => {
    let state = seed
    let sum = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      sum += indexOf(bytesOf(state & last, state))
    }
    return sum
  }
  return { run, verify: (sum, operations) => same(sum, -operations, 'sum of the results'), close }
}

function nativeSearch(file) {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  return searching(
    file,
    (needle) => mapping.indexOf(needle),
    () => mapping.close(),
  )
}

function bufferSearch(file) {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  const view = mapping.asSlice()
  return searching(
    file,
    (needle) => view.indexOf(needle),
    () => mapping.close(),
  )
}

/** Lines of 0 to 126 bytes, `size` bytes in all, with a newline at the end. */
function textFile(folder, size) {
  const chunk = Buffer.alloc(MiB, 'a')
  for (let at = MiB - 1, length = 0; at >= 0; at -= length + 1, length = (length + 1) % 127) chunk[at] = 0x0a
  const newlines = (size / MiB) * chunk.filter((byte) => byte === 0x0a).length
  const path = join(folder, `text-${size}.txt`)
  if (!existsSync(path)) {
    const fd = openSync(path, 'wx')
    for (let at = 0; at < size; at += MiB) writeSync(fd, chunk, 0, MiB, at)
    fsyncSync(fd)
    closeSync(fd)
  }
  return { path, size, filled: size, newlines }
}

function counting({ newlines }, count, close = () => {}) {
  const run = async (operations) => {
    let sum = 0
    for (let left = operations; left > 0; left--) sum += await count()
    return sum
  }
  return { run, verify: (sum, operations) => same(sum, operations * newlines, 'lines'), close }
}

function nativeCount(file) {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  return counting(
    file,
    () => mapping.count(0x0a),
    () => mapping.close(),
  )
}

/** Faster in lines of this length than a look at each byte. */
function newlinesIn(bytes) {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++
  return count
}

const streamCount = (file) =>
  counting(file, async () => {
    let count = 0
    for await (const chunk of createReadStream(file.path)) count += newlinesIn(chunk)
    return count
  })

function readCount(file) {
  const fd = openSync(file.path)
  const buffer = Buffer.allocUnsafeSlow(256 * KiB)
  const count = () => {
    let newlines = 0
    for (let at = 0, read = 1; read > 0; at += read) {
      read = readSync(fd, buffer, 0, buffer.length, at)
      newlines += newlinesIn(buffer.subarray(0, read))
    }
    return newlines
  }
  return counting(file, count, () => closeSync(fd))
}

function mappedLines(file) {
  const mapping = MemoryMappedFile.openRoSync(file.path)
  const count = () => {
    let lines = 0
    for (const line of mapping.lines()) lines += line.length < 127 ? 1 : 0
    return lines
  }
  return counting(file, count, () => mapping.close())
}

const readlines = (file) =>
  counting(file, async () => {
    let lines = 0
    for await (const line of createInterface({ input: createReadStream(file.path) })) lines += line.length < 127 ? 1 : 0
    return lines
  })

const common = { cache: 'warm; all pages mapped beforehand', pattern: 'the whole file from its start, one operation each' }

const counts = {
  ...common,
  work: 'count the newlines of 1 GiB of text, lines of 63 bytes on average (quick: 16 MiB)',
  verified: 'number of newlines',
  ours: { does: 'count(0x0a)', open: nativeCount },
  setup: (folder, quick) => textFile(folder, quick ? 16 * MiB : GiB),
}

export const rows = [
  {
    ...common,
    name: 'index-of',
    work: 'look in 1 GiB for 8 bytes that are not there, each time others (quick: 16 MiB)',
    verified: 'every result; before that, that the last record is found',
    ours: { does: 'indexOf(needle)', open: nativeSearch },
    rival: { does: 'Buffer.indexOf(needle) on a Buffer over the same mapping', open: bufferSearch },
    goal: { atLeast: 8 },
    setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
  },
  {
    ...counts,
    name: 'count-stream',
    rival: { does: 'fs.createReadStream in chunks of 64 KiB, Buffer.indexOf from newline to newline', open: streamCount },
    goal: { atLeast: 10 },
  },
  {
    ...counts,
    name: 'count-read',
    rival: { does: 'fs.readSync of 256 KiB into one Buffer, Buffer.indexOf from newline to newline', open: readCount },
    goal: { atLeast: 1.3 },
  },
  {
    ...counts,
    name: 'lines',
    work: 'all lines of 64 MiB of text as strings, 63 bytes on average (quick: 1 MiB)',
    verified: 'number of lines',
    ours: { does: 'for (const line of lines())', open: mappedLines },
    rival: { does: 'for await of readline over fs.createReadStream', open: readlines },
    goal: { none: true },
    setup: (folder, quick) => textFile(folder, quick ? MiB : 64 * MiB),
  },
]
