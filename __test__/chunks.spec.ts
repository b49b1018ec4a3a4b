/** A mapping piece by piece, for reading and for writing. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { type ChunksMut, MemoryMappedFile, pageSize } from '#mmap-io'
import { withLiveViews } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'
import { outcome } from './support/outcome.ts'

const content = pattern(10_000)

test('chunks are the whole in pieces of any size', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
  for (const size of [1, 7, 4096, 9999, 10_000, 10_001, 2 ** 53 - 1]) {
    const chunks = [...mapping.chunks(size)]
    t.is(chunks.length, Math.ceil(content.length / size))
    t.true(chunks.slice(0, -1).every((chunk) => chunk.length === size))
    t.deepEqual(Buffer.concat(chunks), content)
  }
  mapping.close()
})

test('pages are chunks of a page, counted from the start of the mapping', (t) => {
  const bytes = pattern(2 * pageSize() + 10)
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, bytes), { offset: 5 })
  const pages = [...mapping.pages()]
  t.deepEqual(
    pages.map((page) => page.length),
    [pageSize(), pageSize(), 5],
  )
  t.deepEqual(Buffer.concat(pages), bytes.subarray(5))
  mapping.close()
})

test('an empty mapping has no chunks', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t))
  t.deepEqual([...mapping.chunks(10)], [])
  t.deepEqual([...mapping.pages()], [])
  mapping.close()
})

withLiveViews('chunks are views', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  mapping.chunks(5000).next().value.write('through a chunk')
  t.is(mapping.asSlice(0, 15).toString(), 'through a chunk')
  mapping.close()
})

test('each step fails once the mapping is closed', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  const chunks = mapping.chunks(5000)
  chunks.next()
  chunks.next()
  mapping.close()
  t.throws(() => chunks.next(), { code: 'ERR_MMAP_CLOSED' }, 'also when nothing is left')
})

test('the length of chunks is that of the start, and what a shrink has cut off is an error', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  const before = mapping.chunks(6000)
  mapping.resizeSync(20_000)
  t.is([...before].length, 2)
  const chunks = mapping.chunks(6000)
  chunks.next()
  mapping.resizeSync(9000)
  t.throws(() => chunks.next(), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

/** Both ways of a walk. */
const walks: Record<string, (chunks: ChunksMut, step: (offset: number, bytes: Buffer) => void) => void> = {
  forEachMut: (chunks, step) => chunks.forEachMut(step),
  'for of': (chunks, step) => {
    for (const [offset, bytes] of chunks) step(offset, bytes)
  },
}

for (const [title, walk] of Object.entries(walks)) {
  test(`${title}: what is stored reaches the file and counts after each step`, async (t) => {
    const path = tempFile(t, content)
    const mapping = MemoryMappedFile.openRwSync(path)
    const pending: number[] = []
    walk(mapping.chunksMut(4096), (offset, bytes) => {
      pending.push(mapping.pendingBytes)
      bytes.fill(offset / 4096 + 1)
    })
    t.deepEqual(pending, [0, 4096, 8192])
    t.is(mapping.pendingBytes, 10_000)
    await mapping.flush()
    mapping.close()
    t.deepEqual(readFileSync(path), Buffer.concat([Buffer.alloc(4096, 1), Buffer.alloc(4096, 2), Buffer.alloc(1808, 3)]))
  })

  test(`${title}: an error ends the walk and comes out, and what was stored stays`, (t) => {
    const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
    const error = new Error('enough')
    let steps = 0
    const call = () =>
      walk(mapping.chunksMut(1000), (_, bytes) => {
        bytes.fill(0)
        if (++steps === 3) throw error
      })
    t.is(t.throws(call), error)
    t.is(steps, 3)
    t.deepEqual(mapping.asSlice(0, 2000), Buffer.alloc(2000))
    t.is(mapping.pendingBytes, 3000, 'the last one may have been stored to')
    mapping.close()
  })

  test(`${title}: the policy flushes after each step`, (t) => {
    const mapping = MemoryMappedFile.openRwSync(tempFile(t, content), { flushPolicy: { everyBytes: 2500 } })
    const pending: number[] = []
    walk(mapping.chunksMut(1000), () => pending.push(mapping.pendingBytes))
    t.deepEqual(pending, [0, 1000, 2000, 0, 1000, 2000, 0, 1000, 2000, 0])
    mapping.close()
  })

  test(`${title}: closing the mapping in a step ends the walk with an error`, (t) => {
    const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
    t.throws(() => walk(mapping.chunksMut(1000), () => mapping.close()), { code: 'ERR_MMAP_CLOSED' })
  })

  test(`${title}: resizing the mapping in a step`, (t) => {
    const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
    let steps = 0
    walk(mapping.chunksMut(5000), () => {
      steps++
      mapping.resizeSync(mapping.length + 5000)
    })
    t.is(steps, 2, 'the length is that of the start')
    t.throws(() => walk(mapping.chunksMut(5000), () => mapping.resizeSync(7000)), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
    mapping.close()
  })

  test(`${title}: stores into a copy-on-write mapping stay there`, (t) => {
    const path = tempFile(t, content)
    const mapping = MemoryMappedFile.openCowSync(path)
    walk(mapping.chunksMut(3000), (_, bytes) => bytes.fill(7))
    t.deepEqual(mapping.readBytes(), Buffer.alloc(10_000, 7))
    t.is(mapping.pendingBytes, 0)
    mapping.close()
    t.deepEqual(readFileSync(path), content)
  })
}

test('a loop that is left counts the chunk it was at', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  for (const [, bytes] of mapping.chunksMut(1000)) {
    bytes.fill(1)
    break
  }
  t.is(mapping.pendingBytes, 1000)
  mapping.close()
})

test('chunksMut can be walked again', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  const chunks = mapping.chunksMut(5000)
  t.is([...chunks].length, 2)
  mapping.resizeSync(15_000)
  t.is([...chunks].length, 3)
  mapping.close()
  t.throws(() => [...chunks], { code: 'ERR_MMAP_CLOSED' })
})

test('a callback is a function', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  const chunks = mapping.chunksMut(5000) as unknown as { forEachMut(callback: unknown): void }
  for (const callback of [undefined, null, 'x', {}]) t.is(await outcome(() => chunks.forEachMut(callback)), 'ERR_INVALID_ARG_TYPE')
  mapping.close()
})

test('a chunk size of 0 is refused at the call, also after close', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
  t.is(await outcome(() => mapping.chunks(0)), 'ERR_OUT_OF_RANGE')
  t.is(await outcome(() => mapping.chunksMut(0)), 'ERR_OUT_OF_RANGE')
  mapping.close()
  t.is(await outcome(() => mapping.chunks(0)), 'ERR_OUT_OF_RANGE')
  t.is(await outcome(() => mapping.chunks(1)), 'Closed')
})
