// SPDX-License-Identifier: Apache-2.0
// fmt, compiled once. Debian has it as headers and as a shared library: the
// latter is not on the host that a tool is copied to, and the former, compiled
// anew in every source, is two thirds of the build.
#include <fmt/format-inl.h>

// What format.h declares `extern template`, as far as char needs it (9.1).
FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto thousands_sep_impl(locale_ref)
    -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
}  // namespace detail
FMT_END_NAMESPACE
