// One kind of damage, done to the file of a fresh mapping before each operation. Prints, as JSON, what did not end as it must, and how
// much was tried. A file says what it is at, in case that it dies.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { MemoryMappedFile, MmapIoError, Segment, SegmentMut, updateRegion } from '#mmap-io'
import { reads, writes } from './operations.mjs'

const [damage, folder, progress] = process.argv.slice(2)
const SIZE = 1 << 20
/** The bytes that are used: a whole number of pages. */
const PART = 65_536

const file = join(folder, 'file')
const fill = () => fs.writeFileSync(file, Buffer.alloc(SIZE, 7))
/** As another process would: the mapping has no part in it. */
const cut = (length) => fs.truncateSync(file, length)

/**
 * How a file is made (before it is mapped), what happens to it then, what its bytes from `at` on read as afterwards, and, where they
 * are lost, the kind of error that methods give. `left` bytes at its start are good.
 */
const damages = {
  'cut to zero': { make: fill, strike: () => cut(0), at: SIZE / 2, byte: 0, kind: 'Truncated', left: 0 },
  'cut in the middle': { make: fill, strike: () => cut(SIZE / 4), at: SIZE / 2, byte: 0, kind: 'Truncated', left: SIZE / 4 },
  'cut inside a page': { make: fill, strike: () => cut(300_001), at: SIZE / 2, byte: 0, kind: 'Truncated', left: 300_001 },
  'cut and regrown': {
    make: fill,
    strike() {
      cut(0)
      cut(SIZE)
    },
    at: SIZE / 2,
    byte: 0,
  },
  deleted: { make: fill, strike: () => fs.unlinkSync(file), at: SIZE / 2, byte: 7 },
  replaced: {
    make: fill,
    strike() {
      fs.writeFileSync(`${file}.new`, Buffer.alloc(SIZE, 8))
      fs.renameSync(`${file}.new`, file)
    },
    at: SIZE / 2,
    byte: 7,
  },
  // The folder is on a disk that is full. The file is a hole.
  'full disk': {
    make() {
      fs.rmSync(file, { force: true })
      fs.closeSync(fs.openSync(file, 'w'))
      fs.truncateSync(file, SIZE)
    },
    strike() {},
    at: SIZE / 2,
    byte: 0,
    kind: 'IoFault',
    left: 0,
  },
  // The folder is on a device that cannot read some of the file, which is there and longer.
  'failing device': { make() {}, strike() {}, at: -1, byte: 0, kind: 'IoFault', left: 0 },
}

const { make, strike, byte, kind, left = SIZE } = damages[damage]
const at = damage === 'failing device' ? badPart() : damages[damage].at

/** Where pages begin that cannot be read. */
function badPart() {
  const fd = fs.openSync(file, 'r')
  const page = Buffer.alloc(4096)
  let found = 0
  for (let offset = 0; ; offset += page.length) {
    try {
      if (fs.readSync(fd, page, 0, page.length, offset) === 0) throw new Error('every page can be read')
      found = 0
    } catch (error) {
      if (error.code !== 'EIO') throw error
      found += page.length
      if (found === PART) return offset + page.length - PART
    }
  }
}

const outcome = async (call) => {
  try {
    return JSON.stringify(await call()) ?? 'undefined'
  } catch (error) {
    return error instanceof MmapIoError ? error.kind : `${error.name} ${error.code}`
  }
}

const wrong = {}
let tried = 0
async function attempt(name, mode, body) {
  tried++
  fs.writeFileSync(progress, `${name}, ${mode}`)
  make()
  const mapping = MemoryMappedFile.openSync(file, { mode })
  const expect = (what, found, ...expected) => {
    if (!expected.includes(found)) wrong[`${name}, ${mode}: ${what}`] = `${found} instead of ${expected.join(' or ')}`
  }
  try {
    await body(mapping, expect)
  } catch (error) {
    wrong[`${name}, ${mode}`] = String(error.stack)
  }
  mapping.close()
}

/** Health afterwards, where pages were lost by an access to memory, and where none was. */
async function expectHealth(mapping, mode, stored, expect) {
  if (kind === undefined) {
    expect('faultWord', mapping.faultWord[0], 0)
    expect('check', await outcome(() => mapping.check()), mode === 'read-only' ? 'Changed' : 'undefined')
    return
  }
  expect('faultWord', mapping.faultWord[0], kind === 'Truncated' ? 1 : 2)
  const isLost = mode === 'read-write' && (kind === 'IoFault' || stored)
  expect('check', await outcome(() => mapping.check()), isLost ? 'LostWrites' : kind)
  const flushed = mode === 'read-write' ? (isLost ? 'LostWrites' : kind) : 'undefined'
  expect('flushSync', await outcome(() => mapping.flushSync()), flushed)
  if (left > 0) expect('good bytes', mapping.readBytes(0, left).equals(Buffer.alloc(left, 7)), true)
}

function twinOf(view) {
  const memory = view.buffer instanceof ArrayBuffer ? new ArrayBuffer(PART) : new SharedArrayBuffer(PART)
  return Buffer.from(memory).fill(byte)
}

for (const [name, operation] of Object.entries(reads)) {
  for (const mode of ['read-only', 'read-write']) {
    await attempt(`view: ${name}`, mode, async (mapping, expect) => {
      const view = mapping.asSlice(at, PART)
      strike()
      const ended = await outcome(() => operation(twinOf(view)))
      expect('result', await outcome(() => operation(view)), ended)
      // What takes no shared memory has met no page.
      if (!ended.startsWith('TypeError')) await expectHealth(mapping, mode, false, expect)
    })
  }
}

for (const [name, operation] of Object.entries(writes)) {
  for (const mode of ['read-write', 'copy-on-write']) {
    await attempt(`store: ${name}`, mode, async (mapping, expect) => {
      const view = mapping.asSlice(at, PART)
      const twin = twinOf(view)
      strike()
      expect('result', await outcome(() => void operation(view)), await outcome(() => void operation(twin)))
      expect('bytes', view.equals(twin), true)
      await expectHealth(mapping, mode, true, expect)
    })
  }
}

// The kernel copies: no signal, an error or a short count.
const kernelCopies = {
  writeSync: (view, fd) => fs.writeSync(fd, view),
  write: (view, fd) => new Promise((resolve, reject) => fs.write(fd, view, (error, count) => (error ? reject(error) : resolve(count)))),
  appendFileSync: (view, fd) => fs.appendFileSync(fd, view),
  readSync: (view) => {
    const zero = fs.openSync('/dev/zero', 'r')
    try {
      return fs.readSync(zero, view)
    } finally {
      fs.closeSync(zero)
    }
  },
}
for (const [name, operation] of Object.entries(kernelCopies)) {
  await attempt(`kernel: ${name}`, 'copy-on-write', async (mapping, expect) => {
    const view = mapping.asSlice(at, PART)
    const sinkName = join(tmpdir(), `mmap-io-test-sink-${process.pid}`)
    const sink = fs.openSync(sinkName, 'w+')
    fs.unlinkSync(sinkName)
    strike()
    const ended = await outcome(() => operation(view, sink))
    expect('result', ended, 'Error EFAULT', String(PART), 'undefined')
    fs.closeSync(sink)
    if (kind === undefined) expect('faultWord', mapping.faultWord[0], 0)
  })
}

function walk(pieces) {
  let count = 0
  for (const piece of pieces) count += piece.indexOf(99)
  return count
}

const lost = kind ?? 'fine'
const methods = {
  asSlice: (m) => m.asSlice(at, PART).length,
  readBytes: (m) => m.readBytes(at, PART).length,
  readInto: (m) => m.readInto(at, new Uint8Array(PART)).length,
  dataView: (m) => m.dataView(at, 8).getUint8(0),
  typedArray: (m) => m.typedArray(Uint32Array, at, 4)[0],
  indexOf: (m) => m.indexOf('absent', at),
  lastIndexOf: (m) => m.lastIndexOf('absent'),
  includes: (m) => m.includes(99, at),
  count: (m) => m.count('absent'),
  findAll: (m) => [...m.findAll('absent')].length,
  search: async (m) => (await m.search('absent')).length,
  lines: (m) => [...m.lines({ encoding: 'latin1', offset: at, length: PART })].length,
  'lines as buffers': (m) => walk(m.lines({ encoding: 'buffer', offset: at, length: PART })),
  chunks: (m) => walk(m.chunks(5000)),
  pages: (m) => walk(m.pages()),
  createReadStream: async (m) => (await buffer(m.createReadStream())).length,
  stream: async (m) => (await buffer(m.stream({ offset: at, length: PART }))).length,
  response: async (m) => (await m.response().arrayBuffer()).byteLength,
  touchPages: (m) => m.touchPages([at, PART]),
  touchPagesSync: (m) => m.touchPagesSync([at, PART]),
  Segment: (m) => new Segment(m, at, PART).asSlice().length,
  updateRegion: (m) => m.updateRegion(at, 'abc'),
  'updateRegion, the function': (m) => updateRegion(m, at, 'abc'),
  asSliceMut: (m) => m.asSliceMut(at, PART).bytes.fill(1).length,
  'asSliceMut, released': (m) => {
    const slice = m.asSliceMut(at, PART)
    slice.bytes.fill(1)
    slice.release()
  },
  SegmentMut: (m) => new SegmentMut(m, at, PART).write('abc'),
  chunksMut: (m) => m.chunksMut(65_536).forEachMut((_, bytes) => bytes.fill(1)),
  'atomicU32.load': (m) => m.atomicU32(at).load(),
  'atomicU64.fetchAdd': (m) => String(m.atomicU64(at).fetchAdd(1n)),
  'atomicU32.fetchMax': (m) => m.atomicU32(at).fetchMax(5),
  'atomicU32Slice.store': (m) => m.atomicU32Slice(at, 4).store(2, 5),
  'atomicU64Slice, iterated': (m) => [...m.atomicU64Slice(at, 4)].length,
  resize: (m) => m.resize(2 * SIZE),
}
const stores = ['updateRegion', 'Mut', 'atomic', 'resize']
const makesViews = ['asSlice', 'dataView', 'typedArray', 'Segment', 'asSliceMut']
for (const [name, method] of Object.entries(methods)) {
  const modes = stores.some((part) => name.includes(part)) ? ['read-write'] : ['read-only', 'copy-on-write']
  for (const mode of modes) {
    // Once when no page was met yet, so that it is lost during the call, and once afterwards.
    for (const when of ['during', 'before']) {
      await attempt(`method: ${name}, lost ${when} the call`, mode, async (mapping, expect) => {
        if (name === 'resize' && damage === 'failing device') return
        strike()
        if (when === 'before') await outcome(() => mapping.touchPages([at, PART]))
        const ended = await outcome(() => method(mapping))
        // What only makes a view meets no page; what grows a file that others cut gives it its length back.
        const maySucceed = when === 'during' && (makesViews.includes(name) || name === 'resize')
        const isLost = ['Truncated', 'IoFault', 'LostWrites'].includes(ended)
        if (lost === 'fine') expect('result', isLost, false)
        else if (maySucceed) expect('result', isLost, false, true)
        else expect('result', ended, lost)
      })
    }
  }
}

process.stdout.write(JSON.stringify({ wrong, tried }))
