-- Times are texts as in RFC 3339, in UTC and with milliseconds: they sort as they are.

create table users (
    id integer primary key,
    username text not null unique collate nocase,
    email text not null unique collate nocase,
    password_hash text not null,
    -- How often the password was changed: what was begun with an older one is over.
    password_changes integer not null default 0,
    bio text,
    image text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;

create table follows (
    follower integer not null references users on delete cascade,
    followed integer not null references users on delete cascade,
    primary key (follower, followed)
) strict, without rowid;

create table articles (
    id integer primary key,
    slug text not null unique,
    title text not null,
    description text not null,
    body text not null,
    author integer not null references users on delete cascade,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;

create index articles_by_author on articles (author);

create table article_tags (
    article integer not null references articles on delete cascade,
    tag text not null,
    primary key (article, tag)
) strict, without rowid;

create index articles_by_tag on article_tags (tag);

create table favorites (
    user integer not null references users on delete cascade,
    article integer not null references articles on delete cascade,
    primary key (user, article)
) strict, without rowid;

create index favorites_by_article on favorites (article);

create table comments (
    id integer primary key autoincrement,
    article integer not null references articles on delete cascade,
    author integer not null references users on delete cascade,
    body text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;

create index comments_by_article on comments (article);
