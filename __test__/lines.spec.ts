/** A mapping line by line, with `split` as the oracle. */
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { type LinesOptions, MemoryMappedFile, MmapIoError } from '#mmap-io'
import { withLiveViews } from './support/conditions.ts'
import { sparseFile, tempFile } from './support/files.ts'
import { outcome } from './support/outcome.ts'

function split(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

const parts = fc.constantFrom('a', 'ö', '€', '😀', '\u0a00', '\u410d', '\u0d0a', '\n', '\n', '\r', '\r\n', ' ', '\u2028')
const texts = fc.oneof(
  fc.array(parts, { maxLength: 60 }),
  fc.tuple(fc.array(parts, { maxLength: 12 }), fc.integer({ min: 50, max: 400 })).map(([some, times]) => Array(times).fill(some.join(''))),
)

for (const encoding of ['utf8', 'utf16le', 'ucs-2'] as const) {
  test(`lines of ${encoding} are what split gives`, (t) => {
    t.notThrows(() =>
      fc.assert(
        fc.property(texts, fc.nat({ max: 5 }), (some, before) => {
          const text = some.join('')
          const bytes = Buffer.concat([Buffer.alloc(before, '\n'), Buffer.from(text, encoding)])
          const mapping = MemoryMappedFile.anonymous(bytes.length + 1)
          mapping.updateRegion(0, bytes)
          const found = [...mapping.lines({ encoding, offset: before, length: bytes.length - before })]
          mapping.close()
          if (JSON.stringify(found) !== JSON.stringify(split(text))) throw new Error(`${JSON.stringify(found)} of ${JSON.stringify(text)}`)
        }),
        { numRuns: 300 },
      ),
    )
  })
}

const found = (t: ExecutionContext, content: string | Buffer, options?: LinesOptions) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
  const lines = [...mapping.lines(options)]
  mapping.close()
  return lines
}

test('the ends of lines are told and kept as they should be', (t) => {
  t.deepEqual(found(t, ''), [])
  t.deepEqual(found(t, '\n'), [''])
  t.deepEqual(found(t, '\r\n'), [''])
  t.deepEqual(found(t, 'a'), ['a'])
  t.deepEqual(found(t, 'a\n'), ['a'])
  t.deepEqual(found(t, 'a\n\n'), ['a', ''])
  t.deepEqual(found(t, '\na\r\n\r\nb'), ['', 'a', '', 'b'])
  t.deepEqual(found(t, 'a\rb\r\r\nc\r'), ['a\rb\r', 'c\r'])
})

test('a range has lines of its own', (t) => {
  const content = 'first\r\nsecond\r\nthird'
  t.deepEqual(found(t, content, { offset: 2 }), ['rst', 'second', 'third'])
  t.deepEqual(found(t, content, { offset: 2, length: 4 }), ['rst\r'])
  t.deepEqual(found(t, content, { offset: 6, length: 1 }), [''], 'the newline alone: what is before it is outside')
  t.deepEqual(found(t, content, { offset: 2 ** 53 - 1, length: 0 }), [])
})

test('other encodings write each line by itself', (t) => {
  const bytes = Buffer.from([0xff, 0x0d, 0x0a, 0x41, 0xe9, 0x0a, 0x00])
  t.deepEqual(found(t, bytes, { encoding: 'hex' }), ['ff', '41e9', '00'])
  t.deepEqual(found(t, bytes, { encoding: 'base64' }), ['/w==', 'Qek=', 'AA=='])
  t.deepEqual(found(t, bytes, { encoding: 'latin1' }), ['ÿ', 'Aé', '\0'])
  t.deepEqual(found(t, bytes), ['\ufffd', 'A\ufffd', '\0'])
})

test('lines of any length, and more of them than are looked up at once', (t) => {
  const lengths = [0, 1, 65_534, 65_535, 65_536, 65_537, 3_000_000, 5, ...Array.from({ length: 5000 }, (_, at) => at % 90)]
  const expected = lengths.map((length, at) => String(at).repeat(length).slice(0, length))
  t.deepEqual(found(t, expected.join('\n')), expected)
  t.deepEqual(found(t, expected.join('\r\n')), expected)
})

test('lines can be had as buffers', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'one\r\ntwo\n\nthree'))
  t.deepEqual(
    [...mapping.lines({ encoding: 'buffer' })],
    ['one', 'two', '', 'three'].map((line) => Buffer.from(line)),
  )
  mapping.close()
})

withLiveViews('lines as buffers are views', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'one\r\ntwo'))
  mapping.lines({ encoding: 'buffer', offset: 5 }).next().value.fill('x')
  t.is(mapping.asSlice(5, 3).toString(), 'xxx')
  mapping.close()
})

test('the length of a mapping that grows is that of the start', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'one\ntwo'))
  const lines = mapping.lines()
  mapping.resizeSync(20)
  mapping.updateRegion(7, '\nmore\n')
  t.deepEqual([...lines], ['one', 'two'])
  mapping.close()
})

test('each step fails once the mapping is closed', (t) => {
  for (const encoding of ['utf8', 'buffer'] as const) {
    for (const steps of [0, 1, 2, 3, 4]) {
      const mapping = MemoryMappedFile.openRoSync(tempFile(t, '1\n2\n3\n4'))
      const lines = mapping.lines({ encoding } as LinesOptions)
      for (let step = 0; step < steps; step++) t.is(String(lines.next().value), String(step + 1))
      mapping.close()
      t.throws(() => lines.next(), { code: 'ERR_MMAP_CLOSED' }, `${encoding} after ${steps}`)
    }
  }
})

test('lines that a shrink has cut off are an error', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'line\n'.repeat(4000)))
  const lines = mapping.lines()
  for (let step = 0; step < 3; step++) lines.next()
  mapping.resizeSync(28)
  t.deepEqual([lines.next().value, lines.next().value], ['line', 'line'], 'what is left is delivered')
  t.throws(() => lines.next(), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('views that a resize empties are made anew', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'line\n'.repeat(4000)))
  const lines = mapping.lines()
  t.is(lines.next().value, 'line')
  for (let step = 0; step < 9; step++) lines.next()
  mapping.resizeSync(19_000, { detach: true })
  t.is(lines.next().value, 'line')
  mapping.close()
})

test('a line that no string can hold is an error, and a buffer', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(sparseFile(t, 2 ** 28))
  const error = t.throws(() => mapping.lines({ encoding: 'hex' }).next(), { instanceOf: MmapIoError, code: 'ERR_MMAP_UNSUPPORTED' })
  t.regex(error?.message ?? '', /'buffer'/)
  t.is(mapping.lines({ encoding: 'buffer' }).next().value.length, 2 ** 28)
  mapping.close()
})

test('options of lines are checked at the call', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, 'abc'))
  const lines = (options: unknown) => outcome(() => mapping.lines(options as LinesOptions))
  t.is(await lines({ encoding: 'utf-9' }), 'ERR_INVALID_ARG_VALUE')
  t.is(await lines({ encoding: 8 }), 'ERR_INVALID_ARG_TYPE')
  t.is(await lines({ encodin: 'utf8' }), 'ERR_INVALID_ARG_VALUE')
  t.is(await lines('utf8'), 'ERR_INVALID_ARG_TYPE')
  t.is(await lines({ length: 4 }), 'OutOfBounds')
  t.is(await lines({ offset: 4 }), 'OutOfBounds')
  mapping.close()
})
