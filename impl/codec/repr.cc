// SPDX-License-Identifier: MIT
// repr() and str() of an Object, letter for letter as CPython 3.11 prints them.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <ostream>
#include <string>
#include <string_view>

#include "impl/codec/object.h"
#include "impl/codec/utf8.h"

namespace ipc {
namespace {

// What str.isprintable() refuses above ASCII: the categories Cc, Cf, Co, Zl, Zp, Zs of Unicode 14,
// and of the unassigned code points only those from U+3134B on.
constexpr struct {
  char32_t first, last;
} kUnprintable[] = {{0x80, 0xA0},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
                    {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},
                    {0x1680, 0x1680},   {0x180E, 0x180E},   {0x2000, 0x200F},   {0x2028, 0x202F},
                    {0x205F, 0x206F},   {0x3000, 0x3000},   {0xE000, 0xF8FF},   {0xFEFF, 0xFEFF},
                    {0xFFF9, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD},
                    {0x13430, 0x13438}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0x3134B, 0xE00FF},
                    {0xE01F0, 0x10FFFF}};

bool is_printable(char32_t code) {
  if (code < 0x7F) return code >= 0x20;
  const auto* range = std::lower_bound(std::begin(kUnprintable), std::end(kUnprintable), code,
                                       [](const auto& r, char32_t c) { return r.last < c; });
  return code != 0x7F && (range == std::end(kUnprintable) || code < range->first);
}

struct Repr {
  std::string out;

  void operator()(std::monostate) { out += "None"; }
  void operator()(bool value) { out += value ? "True" : "False"; }
  void operator()(std::int64_t value) { out += std::to_string(value); }
  void operator()(std::uint64_t value) { out += std::to_string(value); }
  void operator()(double value);
  void operator()(const std::string& text);
  void operator()(const Object::Bytes& bytes);
  void operator()(const Object::List& items) { sequence('[', items, "]"); }
  void operator()(const Object::Tuple& tuple) {
    sequence('(', tuple.items, tuple.items.size() == 1 ? ",)" : ")");
  }
  void operator()(const Object::Dict& dict);
  void operator()(const Handle& handle) {
    out += '<';
    out += handle.type().empty() ? "handle of nothing" : std::string(handle.type()) + " object";
    out += '>';
  }

  void sequence(char open, const Object::List& items, std::string_view close);
  void escape(char32_t code);
  bool escape_ascii(char32_t code, char quote);
};

// The shortest digits that read back as the same number, with an exponent below 1e-4 and from 1e16
// on.
void Repr::operator()(double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    return;
  }
  char buffer[32];
  const auto [end, error] =
      std::to_chars(buffer, std::end(buffer), value, std::chars_format::scientific);
  const std::string_view all(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = all.find('e');
  int exponent = 0;
  std::from_chars(buffer + e + (all[e + 1] == '+' ? 2 : 1), end, exponent);
  if (exponent < -4 || exponent >= 16) {
    out += all;  // to_chars, too, writes a sign and at least two digits
    return;
  }
  const bool negative = all.front() == '-';
  std::string digits(all.substr(negative, e - negative));
  if (digits.size() > 1) digits.erase(1, 1);  // the point
  if (exponent < 0) {
    digits.insert(0, static_cast<std::size_t>(-exponent), '0');
    exponent = 0;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  digits.resize(std::max(digits.size(), whole + 1), '0');
  digits.insert(whole, 1, '.');
  if (negative) out += '-';
  out += digits;
}

// Single quotes unless the text has one and no double quote.
template <class HasByte>
char quote_for(HasByte has) {
  return has('\'') && !has('"') ? '"' : '\'';
}

void Repr::operator()(const std::string& text) {
  const char quote = quote_for([&](char c) { return text.find(c) != std::string::npos; });
  out += quote;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint next = first_code_point(rest);
    if (!escape_ascii(next.value, quote)) {
      if (is_printable(next.value)) {
        out += rest.substr(0, next.size);
      } else {
        escape(next.value);
      }
    }
    rest.remove_prefix(next.size);
  }
  out += quote;
}

void Repr::operator()(const Object::Bytes& bytes) {
  const char quote = quote_for([&](char c) {
    return std::find(bytes.begin(), bytes.end(), static_cast<std::byte>(c)) != bytes.end();
  });
  out += 'b';
  out += quote;
  for (const std::byte byte : bytes) {
    const auto code = std::to_integer<unsigned char>(byte);
    if (escape_ascii(code, quote)) continue;
    if (code >= 0x20 && code < 0x7F) {
      out += static_cast<char>(code);
    } else {
      escape(code);
    }
  }
  out += quote;
}

// Writes the characters that have an escape of their own; false: code is none of them.
bool Repr::escape_ascii(char32_t code, char quote) {
  const auto character = static_cast<char>(code);
  if (code > 0x7F) return false;
  if (character == '\t') {
    out += "\\t";
  } else if (character == '\n') {
    out += "\\n";
  } else if (character == '\r') {
    out += "\\r";
  } else if (character == '\\' || character == quote) {
    out += {'\\', character};
  } else {
    return false;
  }
  return true;
}

void Repr::escape(char32_t code) {
  const int digits = code <= 0xFF ? 2 : code <= 0xFFFF ? 4 : 8;
  out += code <= 0xFF ? "\\x" : code <= 0xFFFF ? "\\u" : "\\U";
  for (int digit = digits - 1; digit >= 0; --digit)
    out += "0123456789abcdef"[code >> 4 * digit & 15];
}

void Repr::sequence(char open, const Object::List& items, std::string_view close) {
  out += open;
  for (const Object& item : items) {
    if (&item != items.data()) out += ", ";
    item.visit(*this);
  }
  out += close;
}

void Repr::operator()(const Object::Dict& dict) {
  out += '{';
  for (const auto& entry : dict) {
    if (&entry != dict.begin()) out += ", ";
    entry.first.visit(*this);
    out += ": ";
    entry.second.visit(*this);
  }
  out += '}';
}

}  // namespace

std::string repr(const Object& object) {
  Repr result;
  object.visit(result);
  return std::move(result.out);
}

std::string str(const Object& object) { return object.is_text() ? object.as_text() : repr(object); }

std::ostream& operator<<(std::ostream& out, const Object& object) { return out << str(object); }

}  // namespace ipc
