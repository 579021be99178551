// fastify: `node fastify.js PORT`.
'use strict'

const fastify = require('fastify')()

// With a schema fastify compiles what writes the JSON, as its documents advise.
const user = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    email: { type: 'string' },
    roles: { type: 'array', items: { type: 'string' } },
  },
}

fastify.get('/text', (request, reply) => {
  reply.type('text/plain; charset=utf-8').send('Hello, world!')
})

fastify.get('/json/:id', { schema: { response: { 200: user } } }, (request, reply) => {
  const id = Number(request.params.id)
  reply.header('content-type', 'application/json').send({
    id,
    name: `user ${id}`,
    email: 'user@example.org',
    roles: ['reader', 'writer', 'admin'],
  })
})

fastify.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
