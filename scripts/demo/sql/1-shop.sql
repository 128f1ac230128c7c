-- A small shop, for `npm run demo` and docker-compose.yml. MySQL 8 or newer, MariaDB 10.6 or newer.
-- 20,000 users, 6,000 products, 500 orders of two items each.
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE users (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  email VARCHAR(200) NOT NULL UNIQUE,
  points INT NOT NULL DEFAULT 0
);

CREATE TABLE products (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  price DECIMAL(10, 2) NOT NULL,
  stock INT NOT NULL
);

-- No ON DELETE CASCADE: InnoDB of MariaDB and of older MySQL does not log rows that a cascade removes.
CREATE TABLE orders (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED NOT NULL,
  status VARCHAR(20) NOT NULL,
  FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE TABLE order_items (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_id INT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  quantity INT NOT NULL,
  FOREIGN KEY (order_id) REFERENCES orders (id),
  FOREIGN KEY (product_id) REFERENCES products (id)
);

-- Recursion stays below 1000 steps, the default limit of both servers; the joins multiply.
INSERT INTO users (id, name, email)
WITH RECURSIVE step (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM step WHERE i < 199),
numbered (id) AS (SELECT tens.i * 200 + ones.i + 1 FROM step tens JOIN step ones WHERE tens.i < 100),
named (id, name) AS (
  SELECT id, ELT(id % 8 + 1, 'Grace', 'Linus', 'Barbara', 'Alan', 'Radia', 'Edsger', 'Margaret', 'Ada')
  FROM numbered
)
SELECT id, name, LOWER(CONCAT(name, '.', id, '@example.com')) FROM named ORDER BY id;

INSERT INTO products (id, name, price, stock)
WITH RECURSIVE step (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM step WHERE i < 199)
SELECT tens.i * 200 + ones.i + 1,
  CONCAT(ELT(ones.i % 5 + 1, 'Mug', 'Lamp', 'Chair', 'Teapot', 'Blanket'), ' no. ', tens.i * 200 + ones.i + 1),
  5 + ones.i % 40 + 0.95,
  100
FROM step tens JOIN step ones
WHERE tens.i < 30
ORDER BY 1;

INSERT INTO orders (id, user_id, status) SELECT id, id % 250 + 1, 'paid' FROM users WHERE id <= 500 ORDER BY id;

INSERT INTO order_items (order_id, product_id, quantity)
SELECT orders.id, products.id, 1
FROM orders JOIN products ON products.id IN (orders.id, orders.id + 1)
ORDER BY orders.id, products.id;
