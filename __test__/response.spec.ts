/** response(): statuses, headers and bodies, with real Request and Response objects and through a server. */
import { execFile, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { MemoryMappedFile } from '#mmap-io'
import { prelude, survives } from './support/child.ts'
import { withGuard } from './support/conditions.ts'
import { pattern, sparseFile, tempFile, tempFolder } from './support/files.ts'
import { serve } from './support/server.ts'

const LENGTH = 1000
const BYTES = pattern(LENGTH)

const ask = (headers: Record<string, string> = {}, method = 'GET') => new Request('http://localhost/file', { method, headers })

function openNamed(t: ExecutionContext, name: string, content: string | Uint8Array = BYTES): MemoryMappedFile {
  const path = join(tempFolder(t), name)
  writeFileSync(path, content)
  const mapping = MemoryMappedFile.openRoSync(path)
  t.teardown(() => mapping.close())
  return mapping
}

const open = (t: ExecutionContext) => openNamed(t, 'file.bin')

/** The headers that every 200 of a read-only mapping has. */
const always = ['accept-ranges', 'content-length', 'content-type', 'etag', 'last-modified']

test('the whole file is 200 with all headers', async (t) => {
  const mapping = open(t)
  for (const response of [mapping.response(), mapping.response(ask()), mapping.response({ headers: new Headers() })]) {
    t.is(response.status, 200)
    t.deepEqual([...response.headers.keys()].sort(), always)
    t.is(response.headers.get('content-length'), '1000')
    t.is(response.headers.get('accept-ranges'), 'bytes')
    t.is(response.headers.get('content-type'), 'application/octet-stream')
    t.is(response.headers.get('last-modified'), new Date(Math.floor(statSync(mapping.path as string).mtimeMs)).toUTCString())
    t.regex(response.headers.get('etag') as string, /^"[\da-f-]+"$/)
    t.deepEqual(Buffer.from(await response.arrayBuffer()), BYTES)
  }
})

const ranges = test.macro(async (t, range: string, expected: [first: number, last: number] | 200 | 416) => {
  const response = open(t).response(ask({ range }))
  const body = Buffer.from(await response.arrayBuffer())
  if (expected === 200) {
    t.is(response.status, 200)
    t.is(response.headers.get('content-range'), null)
    t.deepEqual(body, BYTES)
  } else if (expected === 416) {
    t.is(response.status, 416)
    t.is(response.headers.get('content-range'), 'bytes */1000')
    t.is(response.body, null)
  } else {
    const [first, last] = expected
    t.is(response.status, 206)
    t.is(response.headers.get('content-range'), `bytes ${first}-${last}/1000`)
    t.is(response.headers.get('content-length'), String(last - first + 1))
    t.deepEqual(body, BYTES.subarray(first, last + 1))
  }
})
test('a range from start', ranges, 'bytes=0-99', [0, 99])
test('one byte', ranges, 'bytes=5-5', [5, 5])
test('the last byte', ranges, 'bytes=999-999', [999, 999])
test('a range past the end is cut there', ranges, 'bytes=990-5000', [990, 999])
test('a range with an end beyond every number', ranges, `bytes=990-${'9'.repeat(400)}`, [990, 999])
test('an open range', ranges, 'bytes=100-', [100, 999])
test('an open range of everything', ranges, 'bytes=0-', [0, 999])
test('a suffix', ranges, 'bytes=-10', [990, 999])
test('a suffix longer than the file', ranges, 'bytes=-5000', [0, 999])
test('a suffix of nothing cannot be had', ranges, 'bytes=-0', 416)
test('a range behind the end cannot be had', ranges, 'bytes=1000-', 416)
test('a range far behind the end cannot be had', ranges, `bytes=${'9'.repeat(400)}-`, 416)
test('a closed range behind the end cannot be had', ranges, 'bytes=1000-2000', 416)
test('the unit may be in capitals', ranges, 'Bytes=1-2', [1, 2])
test('a range that ends before it begins is malformed', ranges, 'bytes=5-4', 200)
test('the same with numbers that a double cannot tell apart', ranges, 'bytes=9007199254740993-9007199254740992', 200)
test('several ranges', ranges, 'bytes=0-1,5-6', 200)
test('several ranges of which one is empty', ranges, 'bytes=0-1,', 200)
test('another unit', ranges, 'lines=0-1', 200)
test('a range without numbers', ranges, 'bytes=-', 200)
test('a range without a dash', ranges, 'bytes=5', 200)
test('a range with letters', ranges, 'bytes=0x1-0x5', 200)
test('a range with signs', ranges, 'bytes=+1-+5', 200)
test('a range with a fraction', ranges, 'bytes=1.5-2', 200)
test('a range with nothing', ranges, 'bytes=', 200)
test('a range with spaces inside', ranges, 'bytes=1 - 5', 200)

test('a long range header costs no time', (t) => {
  const mapping = open(t)
  for (const range of [`bytes=${'1'.repeat(100_000)}`, `bytes=${'1-'.repeat(50_000)}`, `bytes=${' '.repeat(100_000)}x`]) {
    t.is(mapping.response({ headers: new Headers({ range }) }).status, 200)
  }
})

test('ranges of an empty file', (t) => {
  const mapping = openNamed(t, 'empty.txt', '')
  t.is(mapping.response().status, 200)
  t.is(mapping.response().headers.get('content-length'), '0')
  t.is(mapping.response(ask({ range: 'bytes=0-' })).status, 416)
  t.is(mapping.response(ask({ range: 'bytes=-5' })).status, 200)
})

test('HEAD has the headers of the whole and no body, whatever range it asks for', (t) => {
  const mapping = open(t)
  for (const headers of [{}, { range: 'bytes=0-5' }, { range: 'bytes=5000-' }]) {
    const response = mapping.response(ask(headers as Record<string, string>, 'HEAD'))
    t.is(response.status, 200)
    t.is(response.headers.get('content-length'), '1000')
    t.is(response.body, null)
  }
})

test('other methods are 405 and say which are not', (t) => {
  const mapping = open(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY', '']) {
    const response = mapping.response({ method, headers: new Headers({ 'if-none-match': '*', range: 'bytes=0-1' }) })
    t.is(response.status, 405)
    t.is(response.headers.get('allow'), 'GET, HEAD')
    t.is(response.body, null)
  }
  t.is(mapping.response({ method: 'get', headers: new Headers() }).status, 200)
})

test('what the client has already is 304, and If-None-Match alone decides when it is there', (t) => {
  const mapping = open(t)
  const { headers } = mapping.response()
  const etag = headers.get('etag') as string
  const modified = headers.get('last-modified') as string
  const later = new Date(Date.parse(modified) + 1000).toUTCString()
  const earlier = new Date(Date.parse(modified) - 1000).toUTCString()
  const cases: [Record<string, string>, number][] = [
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': `W/${etag}` }, 304],
    [{ 'if-none-match': `"a,b", W/"x" , ${etag}` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': ' * ' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-none-match': etag.slice(1, -1) }, 200],
    [{ 'if-none-match': '' }, 200],
    [{ 'if-modified-since': modified }, 304],
    [{ 'if-modified-since': later }, 304],
    [{ 'if-modified-since': earlier }, 200],
    [{ 'if-modified-since': 'yesterday' }, 200],
    [{ 'if-modified-since': '' }, 200],
    [{ 'if-modified-since': '2099' }, 200],
    [{ 'if-modified-since': 'not before 2099 GMT' }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': later }, 200],
    [{ 'if-none-match': etag, 'if-modified-since': earlier }, 304],
    [{ 'if-none-match': etag, range: 'bytes=0-5' }, 304],
    [{ 'if-modified-since': modified, range: 'bytes=5000-' }, 304],
    [{ 'if-none-match': '"other"', range: 'bytes=0-5' }, 206],
  ]
  for (const [asked, status] of cases) {
    for (const method of ['GET', 'HEAD']) {
      const response = mapping.response(ask(asked, method))
      t.is(response.status, status === 206 && method === 'HEAD' ? 200 : status, JSON.stringify(asked))
      t.is(response.headers.get('etag'), etag)
      if (status === 304) t.deepEqual([...response.headers.keys()].sort(), ['accept-ranges', 'etag', 'last-modified'])
    }
  }
})

test('all three formats of dates count, in GMT', (t) => {
  const mapping = open(t)
  utimesSync(mapping.path as string, 784111777, 784111777)
  t.is(mapping.response().headers.get('last-modified'), 'Sun, 06 Nov 1994 08:49:37 GMT')
  for (const date of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) {
    t.is(mapping.response(ask({ 'if-modified-since': date })).status, 304, date)
    t.is(mapping.response(ask({ 'if-modified-since': date.replace(':37', ':36') })).status, 200, date)
  }
})

test('If-Range lets a range through only when the bytes are the same', (t) => {
  const mapping = open(t)
  const { headers } = mapping.response()
  const etag = headers.get('etag') as string
  const modified = headers.get('last-modified') as string
  const cases: [string, number][] = [
    [etag, 206],
    [modified, 206],
    [`W/${etag}`, 200],
    ['"other"', 200],
    [new Date(Date.parse(modified) + 1000).toUTCString(), 200],
    ['nonsense', 200],
  ]
  for (const [condition, status] of cases) {
    t.is(mapping.response(ask({ range: 'bytes=0-5', 'if-range': condition })).status, status, condition)
  }
  t.is(mapping.response(ask({ range: 'bytes=5000-', 'if-range': '"other"' })).status, 200)
})

test('the ETag changes with the file, also when time and length stay', (t) => {
  const mapping = open(t)
  const path = mapping.path as string
  const etagOf = (file: MemoryMappedFile) => file.response().headers.get('etag')
  const first = etagOf(mapping)
  const { atime, mtime } = statSync(path)
  writeFileSync(`${path}.new`, BYTES)
  utimesSync(`${path}.new`, atime, mtime)
  renameSync(`${path}.new`, path)
  t.is(etagOf(mapping), first, 'the mapping shows the old file')
  const replaced = MemoryMappedFile.openRoSync(path)
  t.not(etagOf(replaced), first)
  const second = etagOf(replaced)
  utimesSync(path, 1, 1)
  t.not(etagOf(replaced), second)
  const part = MemoryMappedFile.openRoSync(path, { offset: 10 })
  t.not(etagOf(part), etagOf(replaced), 'a window has other bytes')
  t.is(part.response(ask({ range: 'bytes=0-' })).headers.get('content-range'), 'bytes 0-989/990')
  replaced.close()
  part.close()
})

test('a read-write mapping has a weak ETag that counted writes change', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, BYTES))
  const first = mapping.response().headers.get('etag') as string
  t.regex(first, /^W\//)
  t.is(mapping.response(ask({ 'if-none-match': first })).status, 304)
  t.is(mapping.response(ask({ 'if-range': first, range: 'bytes=0-1' })).status, 200)
  mapping.updateRegion(0, 'x')
  t.is(mapping.response(ask({ 'if-none-match': first })).status, 200)
  mapping.flushSync()
  t.not(mapping.response().headers.get('etag'), first)
  mapping.close()
})

test('a copy-on-write mapping, whose bytes are its own, has neither ETag nor date', async (t) => {
  const mapping = MemoryMappedFile.openCowSync(tempFile(t, BYTES))
  mapping.updateRegion(0, 'own')
  const response = mapping.response(ask({ 'if-modified-since': new Date(Date.now() + 1e6).toUTCString() }))
  t.is(response.status, 200)
  t.deepEqual([...response.headers.keys()].sort(), ['accept-ranges', 'content-length', 'content-type'])
  t.is((await response.text()).slice(0, 3), 'own')
  t.is(mapping.response(ask({ 'if-none-match': '*' })).status, 304)
  mapping.close()
})

test('memory without a file has neither, too', async (t) => {
  const memory = MemoryMappedFile.anonymous(5)
  memory.updateRegion(0, 'bytes')
  const response = memory.response()
  t.deepEqual([...response.headers.keys()].sort(), ['accept-ranges', 'content-length', 'content-type'])
  t.is(await response.text(), 'bytes')
  memory.close()
})

const types = test.macro((t, name: string, type: string) => {
  t.is(openNamed(t, name).response().headers.get('content-type'), type)
})
test('HTML is UTF-8', types, 'index.html', 'text/html; charset=utf-8')
test('the extension counts in capitals', types, 'PHOTO.JPG', 'image/jpeg')
test('JavaScript', types, 'a.b.mjs', 'text/javascript; charset=utf-8')
test('WebAssembly', types, 'module.wasm', 'application/wasm')
test('glTF', types, 'model.glb', 'model/gltf-binary')
test('an icon', types, 'favicon.ico', 'image/vnd.microsoft.icon')
test('JSON has no charset', types, 'data.json', 'application/json')
test('an unknown extension', types, 'file.unheard-of', 'application/octet-stream')
test('a name that only looks like an extension', types, 'html', 'application/octet-stream')
test('a hidden file', types, '.css', 'application/octet-stream')

test('the type of a mapping without a path is bytes', (t) => {
  const fd = openSync(tempFile(t, BYTES), 'r')
  const mapping = MemoryMappedFile.fromFdSync(fd)
  closeSync(fd)
  t.is(mapping.response().headers.get('content-type'), 'application/octet-stream')
  t.truthy(mapping.response().headers.get('etag'))
  mapping.close()
})

test("the caller's headers win, except those that tell what is sent", async (t) => {
  const mapping = openNamed(t, 'page.html')
  const response = mapping.response(ask({ range: 'bytes=0-9' }), {
    type: 'text/plain',
    headers: { 'content-length': '5', 'Content-Range': 'bytes 9-9/9', 'Cache-Control': 'max-age=5', etag: '"mine"', 'content-type': 'a/b' },
  })
  t.is(response.headers.get('content-type'), 'text/plain')
  t.is(response.headers.get('content-length'), '10')
  t.is(response.headers.get('content-range'), 'bytes 0-9/1000')
  t.is(response.headers.get('cache-control'), 'max-age=5')
  t.is((await response.arrayBuffer()).byteLength, 10)
  const fresh = mapping.response(ask({ 'if-none-match': '"mine"' }), {
    headers: [
      ['ETag', '"mine"'],
      ['vary', 'accept'],
    ],
  })
  t.is(fresh.status, 304)
  t.is(fresh.headers.get('vary'), 'accept')
  t.is(mapping.response(ask({}, 'POST'), { headers: { 'cache-control': 'no-store' } }).headers.get('cache-control'), 'no-store')
  t.is(mapping.response(undefined, { headers: { 'content-type': 'a/b' } }).headers.get('content-type'), 'a/b')
  for (const status of [{}, { 'if-none-match': '*' }, { range: 'bytes=5000-' }] as Record<string, string>[]) {
    const { headers } = mapping.response(ask(status), { headers: new Headers({ 'content-length': '5', 'content-range': 'x' }) })
    t.not(headers.get('content-length'), '5')
    t.not(headers.get('content-range'), 'x')
  }
})

test('requests and options that are none are misuse', (t) => {
  const mapping = open(t)
  const loose = mapping.response.bind(mapping) as (request?: unknown, options?: unknown) => Response
  const requests = [null, 5, 'GET', {}, { headers: {} }, { headers: { range: 'bytes=0-1' } }, [], { headers: new Headers(), method: 5 }]
  for (const request of requests) t.throws(() => loose(request), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' }, String(request))
  t.throws(() => loose(undefined, { type: 5 }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => loose(undefined, { type: 'a\nb' }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose(undefined, { headers: 5 }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose(undefined, { headers: { 'a b': 'c' } }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose(undefined, { header: {} }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose(undefined, null), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
})

test('a body fails with Closed when the mapping closes on its way', async (t) => {
  const mapping = openNamed(t, 'file.bin', pattern(300_000))
  const response = mapping.response()
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  t.is((await reader.read()).value?.length, 262_144)
  mapping.close()
  await t.throwsAsync(() => reader.read(), { code: 'ERR_MMAP_CLOSED' })
  t.throws(() => mapping.response(), { code: 'ERR_MMAP_CLOSED' })
})

test('a response can be cloned', async (t) => {
  const response = openNamed(t, 'file.bin', pattern(300_000)).response()
  const [a, b] = await Promise.all([response.clone().arrayBuffer(), response.arrayBuffer()])
  t.deepEqual(Buffer.from(a), pattern(300_000))
  t.deepEqual(Buffer.from(b), pattern(300_000))
})

test('a server with fetch as its client', async (t) => {
  const mapping = openNamed(t, 'page.html', pattern(300_000))
  const url = `http://127.0.0.1:${await serve(t, (request) => mapping.response(request))}/`
  const whole = await fetch(url)
  t.is(whole.status, 200)
  t.deepEqual(Buffer.from(await whole.arrayBuffer()), pattern(300_000))
  const part = await fetch(url, { headers: { range: 'bytes=100000-299999' } })
  t.is(part.status, 206)
  t.deepEqual(Buffer.from(await part.arrayBuffer()), pattern(300_000).subarray(100_000))
  t.is((await fetch(url, { headers: { 'if-none-match': whole.headers.get('etag') as string } })).status, 304)
  const head = await fetch(url, { method: 'HEAD' })
  t.is(head.headers.get('content-length'), '300000')
  t.is((await head.arrayBuffer()).byteLength, 0)
  t.is((await fetch(url, { method: 'POST', body: 'x' })).status, 405)
})

const curl = promisify(execFile)
// Skipped where there is no curl.
const withCurl = spawnSync('curl', ['--version']).status === 0 ? test : test.skip

withCurl('a server with curl as its client: ranges, resuming, conditions', async (t) => {
  const bytes = pattern(300_000)
  const mapping = openNamed(t, 'file.bin', bytes)
  const url = `http://127.0.0.1:${await serve(t, (request) => mapping.response(request))}/`
  const run = async (...args: string[]) => (await curl('curl', ['--silent', '--show-error', ...args, url], { encoding: 'buffer' })).stdout
  t.deepEqual(await run(), bytes)
  t.deepEqual(await run('--range', '0-99'), bytes.subarray(0, 100))
  t.deepEqual(await run('--range', '-99'), bytes.subarray(-99))
  t.deepEqual(await run('--range', '200000-'), bytes.subarray(200_000))
  t.deepEqual(await run('--range', '0-1,5-6'), bytes)
  t.is((await run('--range', '300000-', '--write-out', '%{http_code}')).toString(), '416')
  const folder = tempFolder(t)
  const part = join(folder, 'part.bin')
  writeFileSync(part, bytes.subarray(0, 123_456))
  await run('--continue-at', '-', '--output', part)
  t.deepEqual(readFileSync(part), bytes)
  const etag = join(folder, 'etag')
  await run('--etag-save', etag, '--output', join(folder, 'whole'))
  t.is((await run('--etag-compare', etag, '--write-out', '%{http_code}')).toString(), '304')
  t.is((await run('--time-cond', part, '--write-out', '%{http_code}')).toString(), '304')
})

test('a range beyond 4 GiB', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(sparseFile(t, 2 ** 32 + 1000), { sparse: true })
  mapping.updateRegion(2 ** 32 + 5, 'far')
  const response = mapping.response(ask({ range: `bytes=${2 ** 32 + 5}-${2 ** 32 + 7}` }))
  t.is(response.headers.get('content-range'), `bytes 4294967301-4294967303/4294968296`)
  t.is(await response.text(), 'far')
  mapping.close()
})

withGuard('a range that was lost is an error at once, and one that is still there is not', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    mapping.touchPagesSync()
    const ask = (range) => {
      try { return mapping.response({ headers: new Headers(range ? { range } : {}) }).status } catch (error) { return error.code }
    }
    fs.truncateSync(path, pageSize())
    print([ask('bytes=0-9'), ask('bytes=200000-200009'), ask('bytes=0-9'), ask('bytes=0-199999'), ask()])
    `,
    tempFile(t, pattern(300_000)),
  )
  t.deepEqual(result, [206, 'ERR_MMAP_TRUNCATED', 206, 'ERR_MMAP_TRUNCATED', 'ERR_MMAP_TRUNCATED'])
})
