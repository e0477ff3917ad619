#include "settings.h"

namespace nuncio::kernel {

XmlLimits Limits::xml(bool authenticated) const
{
    XmlLimits limits;
    limits.bytes = authenticated ? stanza_bytes.count : stanza_bytes_before_auth.count;
    limits.depth = xml_depth;
    limits.attributes = xml_attributes;
    limits.children = xml_children;
    return limits;
}

}
