/** createAssetHandler: what may be reached, what is mapped and for how long. Electron itself is not needed for any of it. */

import { mkdirSync, renameSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { type AssetHandler, type AssetHandlerOptions, createAssetHandler } from '#mmap-io/electron'
import { prelude, survives } from './support/child.ts'
import { onLinux, onUnix, withGuard } from './support/conditions.ts'
import { pattern, tempFolder } from './support/files.ts'
import { serve } from './support/server.ts'

/** A folder of assets beside a file that must not be reached. */
function assets(t: ExecutionContext): string {
  const folder = tempFolder(t)
  const root = join(folder, 'assets')
  mkdirSync(join(root, 'docs', 'empty'), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  mkdirSync(join(folder, 'assets-too'))
  writeFileSync(join(folder, 'assets-too', 'secret.txt'), 'secret')
  writeFileSync(join(root, 'index.html'), '<h1>home</h1>')
  writeFileSync(join(root, 'docs', 'index.html'), '<h1>docs</h1>')
  writeFileSync(join(root, 'file with ümlaut & 100%.txt'), 'odd name')
  writeFileSync(join(root, '..hidden'), 'two dots')
  writeFileSync(join(root, 'video.mp4'), pattern(300_000))
  writeFileSync(join(root, 'empty.txt'), '')
  return root
}

function handlerOf(t: ExecutionContext, root: string, options?: AssetHandlerOptions): AssetHandler {
  const handler = createAssetHandler(root, options)
  t.teardown(() => handler.close())
  return handler
}

const get = (handler: AssetHandler, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  handler(new Request(`app://bundle/${path}`, { headers, method }))

test('files are served with type, ETag and ranges', async (t) => {
  const handler = handlerOf(t, assets(t))
  const whole = await get(handler, 'video.mp4')
  t.is(whole.status, 200)
  t.is(whole.headers.get('content-type'), 'video/mp4')
  t.deepEqual(Buffer.from(await whole.arrayBuffer()), pattern(300_000))
  const part = await get(handler, 'video.mp4?t=5', { range: 'bytes=100000-' })
  t.is(part.status, 206)
  t.deepEqual(Buffer.from(await part.arrayBuffer()), pattern(300_000).subarray(100_000))
  t.is((await get(handler, 'video.mp4', { 'if-none-match': whole.headers.get('etag') as string })).status, 304)
  t.is((await get(handler, 'video.mp4', { range: 'bytes=300000-' })).status, 416)
  t.is((await get(handler, 'video.mp4', {}, 'HEAD')).headers.get('content-length'), '300000')
  t.is((await get(handler, 'video.mp4', {}, 'POST')).status, 405)
  t.is((await get(handler, 'empty.txt')).status, 200)
  t.is(await (await get(handler, encodeURIComponent('file with ümlaut & 100%.txt'))).text(), 'odd name')
  t.is(await (await get(handler, '..hidden')).text(), 'two dots')
})

test('a folder serves its index, whether the URL ends in a slash or not', async (t) => {
  const root = assets(t)
  const handler = handlerOf(t, root)
  for (const [path, body] of [
    ['', 'home'],
    ['docs', 'docs'],
    ['docs/', 'docs'],
    ['docs/index.html', 'docs'],
  ] as const) {
    const response = await get(handler, path)
    t.is(response.headers.get('content-type'), 'text/html; charset=utf-8')
    t.is(await response.text(), `<h1>${body}</h1>`, path)
  }
  t.is((await get(handler, 'docs/empty')).status, 404)
  t.is((await get(handler, 'docs/empty/')).status, 404)
  writeFileSync(join(root, 'docs', 'start.md'), '# start')
  t.is(await (await get(handlerOf(t, root, { index: 'start.md' }), 'docs')).text(), '# start')
  t.is((await get(handlerOf(t, root, { index: '../../secret.txt' }), 'docs')).status, 404)
})

const unreachable = [
  'missing.txt',
  'missing/file.txt',
  'index.html/',
  'index.html/more',
  '../secret.txt',
  'docs/../../secret.txt',
  '%2e%2e/secret.txt',
  '%2E%2E/secret.txt',
  '.%2e/secret.txt',
  '..%2fsecret.txt',
  '%2e%2e%2fsecret.txt',
  '%252e%252e%252fsecret.txt',
  'docs/..%2f..%2f..%2fsecret.txt',
  '..%5csecret.txt',
  '..\\secret.txt',
  'docs\\index.html',
  'docs%5cindex.html',
  'docs%2findex.html',
  '/etc/passwd',
  '%2fetc%2fpasswd',
  '//etc/passwd',
  'docs//index.html',
  './/index.html',
  'C:/Windows/win.ini',
  'C:%5cWindows%5cwin.ini',
  'file:///etc/passwd',
  'index.html%00',
  'index.html%00.png',
  '%00',
  '%',
  '%zz',
  '%ff%fe',
  '..;/secret.txt',
  '.%2e%2e/secret.txt',
  '\u2025/secret.txt',
  '%c0%ae%c0%ae/secret.txt',
  `${'a/'.repeat(3000)}x`,
  'x'.repeat(5000),
]
test('what is not there or not below the root is 404', async (t) => {
  const root = assets(t)
  const handler = handlerOf(t, root, { headers: { 'x-mine': 'yes' } })
  for (const path of unreachable) {
    // As a Request tells it, and as somebody who builds the URL himself might.
    for (const request of [new Request(`app://bundle/${path}`), { url: `app://bundle/${path}`, headers: new Headers() } as Request]) {
      const response = await handler(request)
      t.is(response.status, 404, path)
      t.is(await response.text(), '', path)
      t.is(response.headers.get('x-mine'), 'yes')
    }
  }
  const opaque = async (url: string) => (await handler({ url, headers: new Headers(), method: 'GET' } as Request)).status
  t.is(await opaque('app:../secret.txt'), 404)
  t.is(await opaque('app:docs/../../secret.txt'), 404)
  t.is(await opaque('app:docs/../index.html'), 404)
  t.is(await opaque('app:docs/./index.html'), 404)
  t.is(await opaque('app:docs/index.html'), 200)
})

onUnix('links are followed inside the root and lead nowhere else', async (t) => {
  const root = assets(t)
  symlinkSync('../secret.txt', join(root, 'out.txt'))
  symlinkSync(join(root, '..'), join(root, 'up'))
  symlinkSync(join(root, '..', 'assets-too'), join(root, 'sibling'))
  symlinkSync('docs', join(root, 'in'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('nowhere', join(root, 'dangling'))
  const handler = handlerOf(t, root)
  for (const path of ['out.txt', 'up/secret.txt', 'up/assets/index.html/../../secret.txt', 'sibling/secret.txt', 'loop', 'dangling']) {
    t.is((await get(handler, path)).status, 404, path)
  }
  t.is(await (await get(handler, 'in')).text(), '<h1>docs</h1>')
  t.is(await (await get(handler, 'up/assets/index.html')).text(), '<h1>home</h1>')
  const link = join(root, '..', 'link')
  symlinkSync(root, link)
  t.is(await (await get(handlerOf(t, link), 'docs')).text(), '<h1>docs</h1>')
})

onUnix('a link that is turned outwards after its file was mapped leads nowhere', async (t) => {
  const root = assets(t)
  symlinkSync('index.html', join(root, 'link'))
  const handler = handlerOf(t, root)
  t.is((await get(handler, 'link')).status, 200)
  symlinkSync('../secret.txt', join(root, 'new'))
  renameSync(join(root, 'new'), join(root, 'link'))
  t.is((await get(handler, 'link')).status, 404)
})

onLinux('what is no regular file is 404 at once', async (t) => {
  const { execFileSync } = await import('node:child_process')
  const root = assets(t)
  execFileSync('mkfifo', [join(root, 'fifo')])
  symlinkSync('/dev/zero', join(root, 'zero'))
  const handler = handlerOf(t, root)
  t.is((await get(handler, 'fifo')).status, 404)
  t.is((await get(handler, 'zero')).status, 404)
})

test('a file that was rewritten or replaced is served anew', async (t) => {
  const root = assets(t)
  const path = join(root, 'page.txt')
  writeFileSync(path, 'first')
  const handler = handlerOf(t, root)
  const body = async () => (await get(handler, 'page.txt')).text()
  t.is(await body(), 'first')
  writeFileSync(path, 'second and longer')
  t.is(await body(), 'second and longer')
  writeFileSync(path, 'short')
  t.is(await body(), 'short')
  const { atime, mtime } = statSync(path)
  writeFileSync(`${path}.new`, 'SHORT')
  utimesSync(`${path}.new`, atime, mtime)
  renameSync(`${path}.new`, path)
  t.is(await body(), 'SHORT')
  renameSync(path, `${path}.away`)
  t.is((await get(handler, 'page.txt')).status, 404)
  writeFileSync(path, 'back')
  t.is(await body(), 'back')
})

test('a response that is on its way keeps its file when that is replaced, pushed out or closed', async (t) => {
  const root = assets(t)
  const handler = createAssetHandler(root, { maxMapped: 1 })
  const [replaced, pushed, closed] = [await get(handler, 'video.mp4'), await get(handler, 'video.mp4'), await get(handler, 'video.mp4')]
  writeFileSync(join(root, 'new'), 'other')
  renameSync(join(root, 'new'), join(root, 'video.mp4'))
  t.is(await (await get(handler, 'video.mp4')).text(), 'other')
  t.deepEqual(Buffer.from(await replaced.arrayBuffer()), pattern(300_000))
  t.is(await (await get(handler, 'docs')).text(), '<h1>docs</h1>')
  t.deepEqual(Buffer.from(await pushed.arrayBuffer()), pattern(300_000))
  handler.close()
  t.deepEqual(Buffer.from(await closed.arrayBuffer()), pattern(300_000))
})

test('after close every request is 503', async (t) => {
  const handler = createAssetHandler(assets(t), { headers: { 'x-mine': 'yes' } })
  t.is((await get(handler, 'index.html')).status, 200)
  handler.close()
  handler.close()
  for (const path of ['index.html', 'missing']) {
    const response = await get(handler, path)
    t.is(response.status, 503)
    t.is(response.headers.get('x-mine'), 'yes')
  }
})

test('headers are sent with everything and a Content-Type of theirs wins', async (t) => {
  const root = assets(t)
  const headers = new Headers({ 'cache-control': 'no-cache', 'content-length': '7' })
  const handler = handlerOf(t, root, { headers })
  headers.set('cache-control', 'changed later')
  for (const path of ['index.html', 'missing']) t.is((await get(handler, path)).headers.get('cache-control'), 'no-cache')
  t.is((await get(handler, 'index.html')).headers.get('content-length'), '13')
  const typed = handlerOf(t, root, { headers: { 'content-type': 'text/plain' } })
  t.is((await get(typed, 'index.html')).headers.get('content-type'), 'text/plain')
})

test('roots and options are checked', async (t) => {
  const loose = createAssetHandler as (root?: unknown, options?: unknown) => AssetHandler
  t.throws(() => loose(), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => loose('a\0b'), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose('a', { maxMapped: 0 }), { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => loose('a', { maxMapped: '5' }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => loose('a', { maxmapped: 5 }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose('a', { index: 5 }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => loose('a', { index: 'a\0b' }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => loose('a', { headers: { 'a b': '' } }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
  const handler = loose(new URL(`file://${assets(t)}`))
  t.is((await get(handler, 'docs')).status, 200)
  const call = handler as (request?: unknown) => Promise<Response>
  for (const request of [undefined, null, {}, 'app://bundle/']) {
    await t.throwsAsync(() => call(request), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
  }
  t.is((await get(loose(join(tempFolder(t), 'missing')), 'index.html')).status, 404)
})

onLinux('10,000 files go through 256 mappings, and 300 are sent at once', async (t) => {
  const root = tempFolder(t)
  for (let folder = 0; folder < 100; folder++) mkdirSync(join(root, String(folder)))
  for (let file = 0; file < 10_000; file++) writeFileSync(join(root, String(file % 100), `${file}.txt`), `file ${file}`)
  // Too long to be sent in one piece.
  for (let file = 0; file < 300; file++) writeFileSync(join(root, `${file}.bin`), Buffer.alloc(70_000, file))
  const result = await survives(
    t,
    `${prelude}
    import { createAssetHandler } from '#mmap-io/electron'
    const handler = createAssetHandler(path)
    const get = (file) => handler(new Request('app://bundle/' + (file % 100) + '/' + file + '.txt'))
    let most = 0
    let wrong = 0
    for (let file = 0; file < 10_000; file++) {
      if (await (await get(file)).text() !== 'file ' + file) wrong++
      if (file % 100 === 0) most = Math.max(most, mapsOf(path))
    }
    const before = mapsOf(path)
    const responses = await Promise.all(Array.from({ length: 300 }, (_, file) => handler(new Request('app://bundle/' + file + '.bin'))))
    const during = mapsOf(path)
    for (const [file, response] of responses.entries()) {
      if (!Buffer.from(await response.arrayBuffer()).equals(Buffer.alloc(70_000, file))) wrong++
    }
    const after = mapsOf(path)
    handler.close()
    await turn()
    print({ wrong, most: most <= 257, full: before === 256, during: during >= 300, after: after <= 256, closed: mapsOf(path), descriptors: descriptors() < 50 })
    `,
    root,
  )
  t.deepEqual(result, { wrong: 0, most: true, full: true, during: true, after: true, closed: 0, descriptors: true })
})

onLinux('a file that is being sent is mapped once, also when there are too many', async (t) => {
  const root = assets(t)
  const result = await survives(
    t,
    `${prelude}
    import { createAssetHandler } from '#mmap-io/electron'
    const handler = createAssetHandler(path, { maxMapped: 1 })
    const get = (name) => handler(new Request('app://bundle/' + name))
    const responses = []
    for (const name of ['video.mp4', 'docs', 'video.mp4', 'docs', 'video.mp4']) responses.push(await get(name))
    const mapped = mapsOf('video.mp4')
    const lengths = []
    for (const response of responses) lengths.push((await response.arrayBuffer()).byteLength)
    print([mapped, lengths])
    `,
    root,
  )
  t.deepEqual(result, [1, [300_000, 13, 300_000, 13, 300_000]])
})

onLinux('a body that is neither read nor cancelled gives its file back when it is collected', async (t) => {
  const root = assets(t)
  const result = await survives(
    t,
    `${prelude}
    import { createAssetHandler } from '#mmap-io/electron'
    const handler = createAssetHandler(path, { maxMapped: 1 })
    const get = (name) => handler(new Request('app://bundle/' + name))
    await get('video.mp4')
    const other = await get('index.html')
    const before = mapsOf('video.mp4')
    await other.body.cancel()
    await collect()
    await (await get('docs')).text()
    print([before, mapsOf('video.mp4'), mapsOf('docs')])
    `,
    root,
  )
  t.deepEqual(result, [1, 0, 1])
})

test('many requests while files are rewritten get whole old or whole new files', async (t) => {
  const root = assets(t)
  const handler = handlerOf(t, root)
  const path = join(root, 'changing.txt')
  const content = (version: number) => String(version % 10).repeat(10_000 + version)
  writeFileSync(path, content(0))
  let version = 0
  for (let round = 0; round < 50; round++) {
    const responses = Array.from({ length: 10 }, () => get(handler, 'changing.txt'))
    writeFileSync(`${path}.new`, content(++version))
    renameSync(`${path}.new`, path)
    for (const response of await Promise.all(responses)) {
      t.is(response.status, 200)
      const body = await response.text()
      t.true(body === content(version) || body === content(version - 1), String(body.length))
    }
  }
})

test('raw requests through a server reach nothing outside the root', async (t) => {
  const handler = handlerOf(t, assets(t))
  const port = await serve(t, (request) => handler(request as Request))
  const raw = async (path: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    return text(socket)
  }
  t.regex(await raw('/docs'), /^HTTP\/1.1 200 .*docs/s)
  for (const path of [
    '/../secret.txt',
    '/docs/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..\\secret.txt',
    '//etc/passwd',
  ]) {
    t.regex(await raw(path), /^HTTP\/1.1 404 /, path)
  }
})

test('a client that hangs up in the middle lets the file go', async (t) => {
  const root = assets(t)
  truncateSync(join(root, 'video.mp4'), 50 * 2 ** 20)
  const handler = createAssetHandler(root)
  const port = await serve(t, (request) => handler(request as Request))
  const controller = new AbortController()
  const response = await fetch(`http://127.0.0.1:${port}/video.mp4`, { signal: controller.signal })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  t.true(((await reader.read()).value?.length ?? 0) > 0)
  controller.abort()
  t.true(
    await reader.read().then(
      () => false,
      () => true,
    ),
  )
  t.is((await fetch(`http://127.0.0.1:${port}/docs`)).status, 200)
  handler.close()
})

withGuard('a file that is cut while it is sent breaks that response, and the next one has the file as it is', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    import { createAssetHandler } from '#mmap-io/electron'
    const handler = createAssetHandler(path)
    const get = () => handler(new Request('app://bundle/video.mp4'))
    const response = await get()
    fs.truncateSync(path + '/video.mp4', 100)
    const end = await response.arrayBuffer().then(() => 'ended', (error) => (error.cause ?? error).code)
    print([end, (await (await get()).arrayBuffer()).byteLength])
    `,
    assets(t),
  )
  t.deepEqual(result, ['ERR_MMAP_TRUNCATED', 100])
})
