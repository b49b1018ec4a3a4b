/** createReadStream and stream. */
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGzip, gunzipSync } from 'node:zlib'
import test from 'ava'
import { MemoryMappedFile } from '#mmap-io'
import { prelude, survives } from './support/child.ts'
import { withGuard } from './support/conditions.ts'
import { pattern, sparseFile, tempFile, tempFolder } from './support/files.ts'

const LENGTH = 200_000

const collect = async (stream: ReadableStream<Uint8Array>): Promise<Buffer> => {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('createReadStream gives what fs.createReadStream gives', async (t) => {
  const path = tempFile(t, pattern(LENGTH))
  const mapping = MemoryMappedFile.openRoSync(path)
  const cases = [
    {},
    { start: 0, end: 0 },
    { start: 5 },
    { end: 5 },
    { start: 5, end: 5 },
    { start: 10, end: LENGTH - 1 },
    { start: 10, end: LENGTH },
    { start: LENGTH - 1 },
    { start: LENGTH },
    { start: LENGTH + 5 },
    { start: LENGTH + 5, end: LENGTH + 10 },
    { highWaterMark: 1, end: 20 },
    { highWaterMark: 1000 },
    { highWaterMark: LENGTH },
    { highWaterMark: LENGTH + 1 },
  ]
  for (const options of cases) {
    const expected = await createReadStream(path, options).toArray()
    const chunks = await mapping.createReadStream(options).toArray()
    t.deepEqual(chunks, expected, JSON.stringify(options))
  }
  t.deepEqual(await buffer(mapping.createReadStream({ highWaterMark: 2 ** 53 - 1 })), pattern(LENGTH))
  mapping.close()
})

test('an empty mapping gives empty streams', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t))
  t.deepEqual(await mapping.createReadStream().toArray(), [])
  t.is((await collect(mapping.stream())).length, 0)
  const reader = mapping.stream().getReader({ mode: 'byob' })
  t.true((await reader.read(new Uint8Array(5))).done)
  mapping.close()
})

test('createReadStream checks its options before it looks at the mapping', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, 'abc'))
  for (const state of ['open', 'closed']) {
    t.throws(() => mapping.createReadStream({ start: 2, end: 1 }), { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' }, state)
    t.throws(() => mapping.createReadStream({ highWaterMark: 0 }), { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' }, state)
    t.throws(() => mapping.stream({ chunkSize: 0 }), { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' }, state)
    t.throws(() => mapping.createReadStream({ signal: {} as AbortSignal }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' }, state)
    t.throws(() => mapping.createReadStream({ begin: 1, ends: 2 } as object), { code: 'ERR_INVALID_ARG_VALUE' }, state)
    mapping.close()
  }
})

test('stream gives its range in chunks of the size asked for', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(LENGTH)))
  const sizes = async (chunkSize: number) => {
    const lengths = []
    for await (const chunk of mapping.stream({ offset: 100, length: 1000, chunkSize })) lengths.push(chunk.length)
    return lengths
  }
  t.deepEqual(await sizes(300), [300, 300, 300, 100])
  t.deepEqual(await sizes(1000), [1000])
  t.deepEqual(await sizes(1001), [1000])
  t.deepEqual(await sizes(2 ** 53 - 1), [1000])
  t.is((await sizes(1)).length, 1000)
  t.deepEqual(await collect(mapping.stream({ offset: 100, length: 1000, chunkSize: 7 })), pattern(LENGTH).subarray(100, 1100))
  t.deepEqual(await collect(mapping.stream()), pattern(LENGTH))
  t.deepEqual(await collect(mapping.stream({ offset: LENGTH - 3 })), pattern(LENGTH).subarray(-3))
  t.is((await collect(mapping.stream({ offset: LENGTH * 2, length: 0 }))).length, 0)
  t.throws(() => mapping.stream({ offset: LENGTH + 1 }), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => mapping.stream({ offset: 1, length: LENGTH }), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('a reader of stream may bring its own buffer', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(LENGTH)))
  const reader = mapping.stream({ length: 25 }).getReader({ mode: 'byob' })
  const read = []
  for (let view = new Uint8Array(10); ; ) {
    const { done, value } = await reader.read(view)
    if (done) break
    read.push(Buffer.from(value as Uint8Array))
    view = new Uint8Array((value as Uint8Array).buffer as ArrayBuffer)
  }
  t.deepEqual(
    read.map((piece) => piece.length),
    [10, 10, 5],
  )
  t.deepEqual(Buffer.concat(read), pattern(25))
  mapping.close()
})

test('chunks are copies: changing or transferring them leaves the mapping alone', async (t) => {
  const path = tempFile(t, pattern(LENGTH))
  const mapping = MemoryMappedFile.openRwSync(path)
  const view = mapping.asSlice()
  for await (const chunk of mapping.createReadStream()) chunk.fill(0)
  for await (const chunk of mapping.stream()) structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] })
  t.deepEqual(view, pattern(LENGTH))
  t.deepEqual(readFileSync(path), pattern(LENGTH))
  mapping.close()
})

test('a stream fails with Closed when the mapping closes on its way, and never ends early', async (t) => {
  const open = () => MemoryMappedFile.openRoSync(tempFile(t, pattern(LENGTH)))
  const first = open()
  let read = 0
  await t.throwsAsync(
    async () => {
      for await (const chunk of first.createReadStream({ highWaterMark: 100 })) {
        read += chunk.length
        first.close()
      }
    },
    { code: 'ERR_MMAP_CLOSED' },
  )
  t.true(read >= 100 && read < LENGTH)

  const second = open()
  const reader = second.stream({ chunkSize: 100 }).getReader()
  t.is((await reader.read()).value?.length, 100)
  second.close()
  await t.throwsAsync(() => reader.read(), { code: 'ERR_MMAP_CLOSED' })
  await t.throwsAsync(() => reader.closed, { code: 'ERR_MMAP_CLOSED' })

  const third = open()
  const own = third.stream().getReader({ mode: 'byob' })
  third.close()
  await t.throwsAsync(() => own.read(new Uint8Array(10)), { code: 'ERR_MMAP_CLOSED' })
})

test('a stream fails with OutOfBounds when a shrink cuts off what is left', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(LENGTH)))
  const stream = mapping.createReadStream({ highWaterMark: 100 })
  const reader = mapping.stream({ chunkSize: 100 }).getReader()
  await reader.read()
  mapping.resizeSync(150)
  await t.throwsAsync(() => buffer(stream), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  await t.throwsAsync(() => reader.read(), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('the range of a stream is frozen when it is made', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(LENGTH)))
  const streams = [mapping.createReadStream(), mapping.stream()] as const
  mapping.resizeSync(2 * LENGTH)
  t.is((await buffer(streams[0])).length, LENGTH)
  t.is((await collect(streams[1])).length, LENGTH)
  mapping.close()
})

test('a signal destroys the stream as that of fs.createReadStream does', async (t) => {
  const path = tempFile(t, pattern(LENGTH))
  const mapping = MemoryMappedFile.openRoSync(path)
  for (const open of [createReadStream.bind(undefined, path), mapping.createReadStream.bind(mapping)]) {
    const controller = new AbortController()
    const stream = open({ signal: controller.signal, highWaterMark: 100 })
    const read = t.throwsAsync(async () => {
      for await (const _ of stream) controller.abort('enough')
    })
    const { name, code, cause } = (await read) as Error & { code: string }
    t.deepEqual({ name, code, cause }, { name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })
  }
  await t.throwsAsync(() => buffer(mapping.createReadStream({ signal: AbortSignal.abort() })), { code: 'ABORT_ERR' })
  mapping.close()
})

test('a stream that is given up reads no further', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(LENGTH)))
  for await (const _ of mapping.createReadStream()) break
  for await (const _ of mapping.stream()) break
  const reader = mapping.stream().getReader()
  const pending = reader.read()
  await reader.cancel()
  t.true((await pending).done)
  mapping.close()
  t.pass()
})

test('a long stream lets other work run', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(sparseFile(t, 2 ** 26))
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  for await (const _ of mapping.createReadStream());
  clearImmediate(immediate)
  t.true(turns > 10)
  mapping.close()
})

test('bytes beyond 4 GiB are streamed from the right place', async (t) => {
  const path = sparseFile(t, 2 ** 32 + 2 ** 20)
  const mapping = MemoryMappedFile.openRwSync(path, { sparse: true })
  mapping.updateRegion(2 ** 32 + 5, 'far')
  t.is((await buffer(mapping.createReadStream({ start: 2 ** 32 + 5, end: 2 ** 32 + 7 }))).toString(), 'far')
  t.is((await collect(mapping.stream({ offset: 2 ** 32 + 5, length: 3 }))).toString(), 'far')
  mapping.close()
})

test('a pipeline through zlib into a file gives the bytes', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(LENGTH)))
  const target = join(tempFolder(t), 'file.gz')
  await pipeline(mapping.createReadStream(), createGzip(), createWriteStream(target))
  t.deepEqual(gunzipSync(readFileSync(target)), pattern(LENGTH))
  mapping.close()
})

test('a mapping that closes while zlib and fs.write work on its chunks ends no process', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    import { pipeline } from 'node:stream/promises'
    import { createGzip, createBrotliCompress } from 'node:zlib'
    const ends = {}
    for (let round = 0; round < 20; round++) {
      const mapping = MemoryMappedFile.openRoSync(path)
      const runs = [createGzip, createBrotliCompress].map((make, at) => pipeline(mapping.createReadStream(), make(), fs.createWriteStream(path + at)))
      runs.push(pipeline(mapping.stream(), fs.createWriteStream(path + 2)))
      for (let turns = 0; turns < round; turns++) await turn()
      mapping.close()
      for (const { reason } of await Promise.allSettled(runs)) ends[reason?.code] = true
    }
    print(Object.keys(ends))
    `,
    tempFile(t, pattern(3 * 2 ** 20)),
  )
  t.deepEqual(result, ['ERR_MMAP_CLOSED'])
})

test('a stream keeps a mapping that nobody else holds', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    const reader = (() => MemoryMappedFile.openRoSync(path).stream({ chunkSize: 1000 }).getReader())()
    const stream = (() => MemoryMappedFile.openRoSync(path).createReadStream({ highWaterMark: 1000 }))()
    await collect()
    let read = 0
    for (let chunk; !(chunk = await reader.read()).done; ) { read += chunk.value.length; if (read % 10000 === 0) await collect() }
    for await (const chunk of stream) { read += chunk.length; if (read % 10000 === 0) await collect() }
    print(read)
    `,
    tempFile(t, pattern(30_000)),
  )
  t.is(result, 60_000)
})

withGuard('a stream fails with Truncated where the file was cut, and what comes before is right', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    const page = pageSize()
    const content = fs.readFileSync(path)
    const ends = []
    const end = async (mapping, chunks) => {
      const got = []
      let code = 'ended'
      try {
        for await (const chunk of chunks) {
          got.push(chunk)
          if (got.length === 1) fs.truncateSync(path, 10 * page)
        }
      } catch (error) { code = error.code }
      const all = Buffer.concat(got)
      ends.push([code, all.length, all.equals(content.subarray(0, all.length))])
      mapping.close()
      fs.writeFileSync(path, content)
    }
    for (const open of [(m) => m.createReadStream({ highWaterMark: page }), (m) => m.stream({ chunkSize: page }), (m) => m.response().body]) {
      const mapping = MemoryMappedFile.openRoSync(path)
      await end(mapping, open(mapping))
    }
    print([page, ends])
    `,
    tempFile(t, pattern(3 * 2 ** 20)),
  )
  const [page, ends] = result as [number, unknown[]]
  t.deepEqual(ends.slice(0, 2), Array(2).fill(['ERR_MMAP_TRUNCATED', 10 * page, true]))
  t.deepEqual(ends[2], ['ERR_MMAP_TRUNCATED', 262_144, true])
})
