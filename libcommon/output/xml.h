// SPDX-License-Identifier: Apache-2.0
// Text from strangers in XML documents.
#pragma once

#include <string>
#include <string_view>

namespace sightline::output {

// The bytes as character data of XML 1.0, fit for attribute values too. What
// printable() escapes, and the two code points that XML does not allow, are
// shown as \xNN; the rest is the same text to whoever parses it. Pure, cannot
// fail.
std::string xml_text(std::string_view bytes);

}  // namespace sightline::output
