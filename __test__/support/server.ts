import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ExecutionContext } from 'ava'

type Asked = Pick<Request, 'url' | 'method' | 'headers'>

/** A server of node:http over a function from a request to a response, closed when the test ends. Tells its port. */
export async function serve(t: ExecutionContext, respond: (request: Asked) => Response | Promise<Response>): Promise<number> {
  const server = createServer(async (message, answer) => {
    const headers = new Headers(message.headers as Record<string, string>)
    const response = await respond({ url: `http://localhost${message.url}`, method: message.method ?? 'GET', headers })
    answer.writeHead(response.status, { ...Object.fromEntries(response.headers), connection: 'close' })
    // A client that hangs up is no failure of the server.
    if (response.body) await pipeline(Readable.fromWeb(response.body as never), answer).catch(() => answer.destroy())
    else answer.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}
